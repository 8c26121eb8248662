using System.Buffers;
using System.Text;
using CsCheck;
using Pollard.Protocol.HostLink;

namespace Pollard.Protocol.Tests.HostLink;

/// <summary>Whatever bytes come: the parsers read them or refuse them as they say, hold no more than a frame, and quote nothing of them.</summary>
public sealed class ParserFuzzTests
{
    private const string Secret = "S3CR3T";

    private static readonly Dictionary<string, Action<byte[]>> Parsers = new(StringComparer.Ordinal)
    {
        ["hello"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.Hello),
        ["hello_ok"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.HelloOk),
        ["cancel"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.Cancel),
        ["drain"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.Drain),
        ["config"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.Config),
        ["go_away"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.GoAway),
        ["slots"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.SlotsMessage),
        ["refuse"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.Refuse),
        ["finish"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.Finish),
        ["fail"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.Fail),
        ["status"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.Status),
        ["progress"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.Progress),
        ["enroll"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.EnrollRequest),
        ["output_reply"] = static bytes => LinkJson.Read(bytes, ProtocolJson.Default.OutputReply),
        ["offer"] = static bytes => OfferPayload.Read(bytes),
        ["offer_header"] = static bytes =>
            OfferPayload.Read((byte[])[.. BitConverter.GetBytes((uint)bytes.Length), .. bytes]),
        ["credit"] = static bytes => FrameWriter.ReadCredit(new ReadOnlySequence<byte>(bytes)),
        ["frames"] = static bytes =>
        {
            var rest = new ReadOnlySequence<byte>(bytes);
            while (FrameReader.TryRead(ref rest, out _)) { }
        },
    };

    // One message with members of every shape, so that each parser meets its own and those of all others.
    private const string Valid = """
        {"protocol_min":1,"protocol_max":1,"boot_id":"S3CR3T","slots":4,"models":[{"name":"S3CR3T","kinds":["chat"],"context":8192}],
        "resume":[{"attempt":"S3CR3T","last_sent_seq":3,"last_acked_seq":1}],"protocol":1,"session_epoch":7,"session":"S3CR3T",
        "heartbeat_seconds":5,"silence_seconds":12.5,"credit_bytes":262144,"resumed":[{"attempt":"S3CR3T","fenced":false,"handle":1}],
        "attempt":"S3CR3T","task":"S3CR3T","kind":"chat","model":"S3CR3T","stream":true,"timeout_seconds":60,"reason":"S3CR3T",
        "deadline_seconds":3,"code":"S3CR3T","reconnect_seconds":1,"total":2,"finish_reasons":["stop"],"usage":{"S3CR3T":1},
        "timings":{"total":1},"extra":{"S3CR3T":["S3CR3T"]},"message":"S3CR3T","retryable":true,"status":500,"phase":"S3CR3T",
        "percent":1.5,"public_key":"S3CR3T","name":"S3CR3T","join_token":"S3CR3T","next_seq":1,"cancel":false,"interval_ms":5}
        """;

    private static readonly string[] Nasty =
    [
        "null",
        "[]",
        "{}",
        "-1",
        "1e400",
        "1e-400",
        "99999999999999999999",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "true",
        new('[', 100),
        string.Concat(Enumerable.Repeat("{\"S3CR3T\":", 100)),
        "\"S3CR3T",
        "{\"S3CR3T\":S3CR3T}",
    ];

    private static readonly Gen<byte[]> Mutated = Gen.Select(
        Gen.Int[0, Valid.Length - 1],
        Gen.Int[0, 40],
        Gen.OneOf(
            Gen.Byte.Array[0, 8],
            Gen.Int[0, Nasty.Length - 1].Select(static i => Encoding.UTF8.GetBytes(Nasty[i])),
            Gen.Const(new byte[] { 0xFF, 0xC3, 0x28, 0xED, 0xA0, 0x80 })
        ),
        Gen.Bool,
        static (at, cut, put, isTruncated) =>
        {
            var bytes = Encoding.UTF8.GetBytes(Valid);
            var end = Math.Min(bytes.Length, at + cut);
            return isTruncated ? [.. bytes[..at], .. put] : (byte[])[.. bytes[..at], .. put, .. bytes[end..]];
        }
    );

    // A member whose value is replaced: still JSON, no longer of its shape.
    private static readonly Gen<byte[]> Misshapen = Gen.Select(
        Gen.Int[0, 60],
        Gen.Int[0, Nasty.Length - 1],
        static (member, nasty) =>
        {
            var colons = Valid.Select((character, i) => (character, i)).Where(pair => pair.character == ':').ToArray();
            var at = colons[member % colons.Length].i + 1;
            var end = Valid.IndexOfAny([',', '}'], at);
            return Encoding.UTF8.GetBytes($"{Valid[..at]}{Nasty[nasty]}{Valid[end..]}");
        }
    );

    private static readonly Gen<byte[]> Frames = Gen.Select(
        Gen.Byte.Array[0, 200],
        Gen.Byte,
        Gen.UInt,
        Gen.Int[0, 16],
        static (payload, type, length, keep) =>
        {
            var frame = new byte[FrameHeader.Size + payload.Length];
            new FrameHeader((FrameType)type, 1, 2, 3, 4, length % 3 == 0 ? (uint)payload.Length : length).WriteTo(
                frame
            );
            payload.CopyTo(frame, FrameHeader.Size);
            return frame[..Math.Max(0, frame.Length - (length % 2 == 0 ? keep : 0))];
        }
    );

    public static TheoryData<string> Names => [.. Parsers.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Whatever_comes_is_read_or_refused_as_documented(string name)
    {
        var parse = Parsers[name];
        Gen.OneOf(Gen.Byte.Array[0, 300], Mutated, Misshapen, Frames)
            .Sample(bytes => IsHarmless(parse, bytes), iter: 1500);
    }

    [Fact]
    public void What_is_as_it_should_be_is_read()
    {
        foreach (var (name, parse) in Parsers.Where(parser => parser.Key is not ("offer" or "credit" or "frames")))
        {
            Assert.True(Record.Exception(() => parse(Encoding.UTF8.GetBytes(Valid))) is null, name);
        }
    }

    [Theory]
    [InlineData(uint.MaxValue)]
    [InlineData(int.MaxValue)]
    [InlineData(0x80000000)]
    [InlineData(LinkLimits.FramePayloadBytes + 1)]
    public void A_length_that_lies_costs_no_memory(uint length)
    {
        var frame = new byte[FrameHeader.Size + 100];
        new FrameHeader(FrameType.Delta, 0, 0, 1, 0, length).WriteTo(frame);
        var offer = new byte[100];
        BitConverter.TryWriteBytes(offer, length);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<LinkException>(() => Parsers["frames"](frame));
        Assert.Throws<LinkException>(() => Parsers["offer"](offer));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, LinkLimits.FramePayloadBytes);
    }

    private static bool IsHarmless(Action<byte[]> parse, byte[] bytes)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            parse(bytes);
        }
        catch (LinkException e)
        {
            if (e.ToString().Contains(Secret, StringComparison.Ordinal))
            {
                return false;
            }
        }

        return GC.GetAllocatedBytesForCurrentThread() - before <= LinkLimits.FramePayloadBytes;
    }
}
