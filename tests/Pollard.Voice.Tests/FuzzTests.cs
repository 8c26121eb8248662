using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs.AudioSockets;
using Pollard.Voice.Legs.Rtp;
using Pollard.Voice.Legs.Sip;
using Pollard.Voice.Links;
using Pollard.Voice.Tests.Legs;
using Pollard.Voice.Wyoming;

namespace Pollard.Voice.Tests;

/// <summary>
/// Whatever bytes come from a network or a file, in whatever pieces: they are read, or refused as is said, and cost no more memory than they
/// are worth. <c>POLLARD_FUZZ_SECONDS</c> has each parser tried for so long, with other bytes each time.
/// </summary>
public sealed class FuzzTests
{
    private const int Tries = 3_000;
    private const int MostAllocatedBytes = 4 * 1024 * 1024;
    private const int MostRandomBytes = 400;
    private const int MostPieces = 12;

    private static readonly Dictionary<string, (byte[][] Seeds, Func<byte[], Random, Task> Read)> Parsers = new(
        StringComparer.Ordinal
    )
    {
        ["heard"] = (Written(FrameCodec.Heard, 16_000), Frames(FrameCodec.Heard)),
        ["text"] = (Written(FrameCodec.Text, 0), Frames(FrameCodec.Text)),
        ["spoken"] = (Written(FrameCodec.Spoken, 24_000), Frames(FrameCodec.Spoken)),
        ["wyoming"] = (Written(new WyomingCodec("transcript"), 16_000), Frames(new WyomingCodec("transcript"))),
        ["hello"] = ([Hello.Of(CallId.Parse("67"))], Pieces<CallId>(Hello.TryRead)),
        ["event"] = ([Event()], Pieces<WyomingEvent>(WyomingEvent.TryRead)),
        ["sip"] = ([Bytes(Invite), Bytes(Answer)], Now(Sip)),
        ["sdp"] = ([Bytes(Offer)], Now(static bytes => Sdp.Read(Text(bytes), AddressFamily.InterNetwork, out _))),
        ["rtp"] = ([Rtp()], Now(static bytes => RtpPacket.TryRead(bytes, out _))),
        ["audiosocket"] = ([AudioSocket()], ReadAudioSocketAsync),
        ["wav"] = ([Wav(1, 16), Wav(2, 8)], ReadWavAsync),
    };

    private const string Offer =
        "v=0\no=- 1 1 IN IP4 10.0.0.9\ns=-\nc=IN IP4 10.0.0.9\nt=0 0\nm=audio 4000 RTP/AVP 8 0 97\n"
        + "a=rtpmap:97 telephone-event/8000\na=fmtp:97 0-16\na=ptime:20\na=sendrecv\n";

    private const string Invite =
        "INVITE sip:bot@10.0.0.1;transport=tcp SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKa;rport\n"
        + "From: \"Ada, \\\"the\\\" first\" <sip:ada@10.0.0.9>;tag=a1\nTo: <sip:bot@10.0.0.1>\nCall-ID: x@y\nCSeq: 7 INVITE\n"
        + "Contact: <sip:ada@10.0.0.9:5070>\nRecord-Route: <sip:10.0.0.8;lr>,\n <sip:10.0.0.7;lr>\nContent-Length: 5\n\nv=0\n";

    private const string Answer =
        "SIP/2.0 401 Unauthorized\nVia: SIP/2.0/TCP 10.0.0.9:5070;branch=z9hG4bKa\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\n"
        + "Call-ID: x@y\nCSeq: 1 REGISTER\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\\\"\", qop=\"auth,auth-int\"\nl: 0\n\n";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string> Names => [.. Parsers.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Whatever_comes_is_read_or_refused_as_documented(string name)
    {
        var (seeds, read) = Parsers[name];
        var begun = Stopwatch.GetTimestamp();
        var length = TimeSpan.FromSeconds(
            int.Parse(Environment.GetEnvironmentVariable("POLLARD_FUZZ_SECONDS") ?? "0", CultureInfo.InvariantCulture)
        );
        var first = length > TimeSpan.Zero ? Environment.TickCount : 1;
        for (var i = 0; i < Tries || Stopwatch.GetElapsedTime(begun) < length; i++)
        {
            var seed = unchecked(first + i);
            var random = new Random(seed);
            var bytes = BytesOf(seeds, random);
            try
            {
                await read(bytes, random);
            }
            catch (Exception e)
            {
                Assert.Fail($"{name}, seed {seed}, {Convert.ToHexString(bytes)}: {e}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task What_is_as_it_should_be_is_read(string name)
    {
        var (seeds, read) = Parsers[name];
        foreach (var seed in seeds)
        {
            await read(seed, new Random(1));
        }
    }

    private static byte[] BytesOf(byte[][] seeds, Random random)
    {
        if (random.Next(8) == 0)
        {
            var noise = new byte[random.Next(MostRandomBytes)];
            random.NextBytes(noise);
            return noise;
        }

        var mutated = Mutation.Of(seeds[random.Next(seeds.Length)], random);
        return random.Next(4) == 0 ? mutated[..random.Next(mutated.Length + 1)] : mutated;
    }

    private static Func<byte[], Random, Task> Frames(FrameCodec codec) => Pieces<LinkFrame>(codec.TryRead);

    /// <summary>Reads all at once, and in pieces: the same comes of it.</summary>
    private static Func<byte[], Random, Task> Pieces<T>(LinkParser<T> parser) =>
        (bytes, random) =>
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var whole = Read(parser, bytes, []);
            var cuts = Enumerable.Range(0, random.Next(MostPieces)).Select(_ => random.Next(bytes.Length + 1)).Order();
            var pieces = Read(parser, bytes, [.. cuts]);
            Assert.Equal(whole, pieces);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostAllocatedBytes);
            return Task.CompletedTask;
        };

    /// <summary>What comes of bytes that come up to each of the cuts, and then all: how many, and whether it ended with what is none.</summary>
    private static (int Count, int Left, bool IsRefused) Read<T>(LinkParser<T> parser, byte[] bytes, int[] cuts)
    {
        var (count, begin) = (0, 0);
        foreach (var end in (int[])[.. cuts, bytes.Length])
        {
            var input = SequenceOf(bytes.AsMemory(begin, Math.Max(0, end - begin)), cuts);
            try
            {
                while (parser(ref input, out _))
                {
                    count++;
                }
            }
            catch (FrameException)
            {
                return (count, 0, true);
            }

            begin = Math.Max(begin, end) - (int)input.Length;
        }

        return (count, bytes.Length - begin, false);
    }

    /// <summary>The bytes in segments, as a pipe has them.</summary>
    private static ReadOnlySequence<byte> SequenceOf(ReadOnlyMemory<byte> bytes, int[] cuts)
    {
        var at = cuts.Length == 0 ? 0 : cuts[0] % (bytes.Length + 1);
        var first = new Segment(bytes[..at], null);
        var last = new Segment(bytes[at..], first);
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private static Func<byte[], Random, Task> Now(Action<byte[]> read) =>
        (bytes, _) =>
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            read(bytes);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostAllocatedBytes);
            return Task.CompletedTask;
        };

    private static void Sip(byte[] bytes)
    {
        SipParser.Read(bytes, out var message);
        if (message is null)
        {
            return;
        }

        foreach (var name in (string[])["Via", "From", "To", "Contact", "Route", "Record-Route", "WWW-Authenticate"])
        {
            foreach (var value in message.All(name))
            {
                SipAddress.Parse(value);
                SipAddress.EndPointOf(value);
                SipVia.Return(value, new IPEndPoint(IPAddress.Loopback, 1));
                new SipDigest("a", "b").TryTake([value]);
            }
        }

        if (message.IsRequest)
        {
            Assert.Null(SipParser.Read(SipMessage.ResponseTo(message, 400, "v", "tag").ToBytes(), out _));
        }
    }

    private static async Task ReadAudioSocketAsync(byte[] bytes, Random random)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var peer = new TcpClient();
        await peer.ConnectAsync((IPEndPoint)listener.LocalEndpoint, Token);
        using var socket = await listener.AcceptSocketAsync(Token);
        await using var connection = new AudioSocketConnection(socket);
        var cut = random.Next(bytes.Length + 1);
        await peer.GetStream().WriteAsync(bytes.AsMemory(0, cut), Token);
        await peer.GetStream().WriteAsync(bytes.AsMemory(cut), Token);
        peer.Client.Shutdown(SocketShutdown.Send);
        try
        {
            while (true)
            {
                var (_, payload) = await connection.ReadAsync(Token);
                Assert.InRange(payload.Length, 0, AudioSocketFrame.MostBytes);
            }
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
        {
            // As it says.
        }
    }

    private static async Task ReadWavAsync(byte[] bytes, Random random)
    {
        var before = GC.GetTotalAllocatedBytes();
        try
        {
            var reader = await WavReader.OpenAsync(new MemoryStream(bytes), Token);
            foreach (var sample in await reader.ReadAllAsync(TimeSpan.FromSeconds(1), Token))
            {
                Assert.InRange(sample, -1, 1);
            }
        }
        catch (WavException)
        {
            // As it says.
        }

        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 16 * MostAllocatedBytes); // Of other tests as well.
    }

    private static byte[][] Written(FrameCodec codec, int rate)
    {
        LinkFrame[] frames =
        [
            new(FrameKind.Audio, new byte[64], rate == 0 ? 16_000 : rate, 7, new SpeechMark(3, 2, 1))
            {
                Call = CallId.Parse("67"),
            },
            new(FrameKind.Text, "what time is it"u8.ToArray(), Mark: new SpeechMark(3, 2, 1))
            {
                Call = CallId.Parse("67"),
            },
            LinkFrame.End,
            LinkFrame.Bye,
        ];
        List<byte[]> seeds = [];
        var all = new ArrayBufferWriter<byte>();
        foreach (var frame in frames)
        {
            var one = new ArrayBufferWriter<byte>();
            try
            {
                codec.Write(frame, one);
            }
            catch (FrameException)
            {
                continue; // The wire has no such frame.
            }

            seeds.Add(one.WrittenSpan.ToArray());
            all.Write(one.WrittenSpan);
        }

        return [.. seeds, all.WrittenSpan.ToArray()];
    }

    private static byte[] Event()
    {
        var bytes = new ArrayBufferWriter<byte>();
        WyomingEvent.Write(bytes, "audio-chunk", static json => json.WriteNumber("rate", 16_000), new byte[40]);
        return bytes.WrittenSpan.ToArray();
    }

    private static byte[] Rtp() =>
        // A header with padding, an extension and a contributing source.
        [
            0xB1,
            0x88,
            0,
            1,
            0,
            0,
            0,
            160,
            1,
            2,
            3,
            4,
            9,
            9,
            9,
            9,
            0xBE,
            0xDE,
            0,
            1,
            1,
            2,
            3,
            4,
            .. new byte[40],
            0,
            0,
            0,
            4,
        ];

    private static byte[] AudioSocket() =>
        [
            .. AudioSocketFrame.New(AudioSocketKind.Id, 16),
            .. AudioSocketFrame.New(AudioSocketKind.Sound, 320),
            .. AudioSocketFrame.New(AudioSocketKind.Key, 1),
            .. AudioSocketFrame.New(AudioSocketKind.Hangup, 0),
        ];

    private static byte[] Wav(ushort channels, ushort bits)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        var frame = (ushort)(channels * bits / 8);
        writer.Write("RIFF"u8);
        writer.Write(36 + (100 * frame));
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((ushort)1);
        writer.Write(channels);
        writer.Write(8_000);
        writer.Write(8_000 * frame);
        writer.Write(frame);
        writer.Write(bits);
        writer.Write("data"u8);
        writer.Write(100 * frame);
        writer.Write(new byte[100 * frame]);
        return stream.ToArray();
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\r\n"));

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? before)
        {
            Memory = memory;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Memory.Length;
                before.Next = this;
            }
        }
    }
}
