using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Testing;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs.Rtp;
using Pollard.Voice.Tests.Audio;

namespace Pollard.Voice.Tests.Legs;

/// <summary>The sound of a call on real sockets, with a clock that the test turns.</summary>
public sealed class RtpSessionTests : IAsyncDisposable
{
    private const byte EventType = 101;
    private readonly JumpingClock _time = new(DateTimeOffset.UnixEpoch);
    private readonly FrameClock _clock;
    private readonly Socket _phone = NewSocket();
    private readonly RtpSession _session;
    private readonly Playout _playout = new(new PlayoutOptions());
    private readonly EarLog _ear = new();
    private readonly CancellationTokenSource _over = new();
    private Task<string>? _running;

    public RtpSessionTests()
    {
        _clock = new FrameClock(_time, NullLogger.Instance);
        _session = new RtpSession(
            new RtpPorts(0, 0).Open(IPAddress.Loopback)!,
            new RtpSettings(),
            IPAddress.IsLoopback,
            _clock,
            NullLogger.Instance
        );
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        if (_running is not null)
        {
            await ((Task)_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _session.Dispose();
        _phone.Dispose();
        _clock.Dispose();
        _over.Dispose();
    }

    [Fact]
    public async Task Frames_go_out_in_steady_time_with_a_mark_where_speech_begins()
    {
        Begin(NewTerms());
        Tick(2);
        _playout.TryAdd(new byte[320], new SpeechMark(1, 0, 1));
        _playout.End(new SpeechMark(1, 0, 1));
        Tick(3);
        _time.Advance(TimeSpan.FromSeconds(1)); // The process stands still: 3 frames are caught up, time goes on.
        _clock.GiveDue();

        var sent = new List<(int Sequence, long Timestamp, bool IsMarked, byte Code)>();
        for (var i = 0; i < 8; i++)
        {
            sent.Add(await ReadAsync());
        }

        Assert.Equal(Enumerable.Range(0, 8), sent.Select(one => (one.Sequence - sent[0].Sequence) & 0xFFFF));
        Assert.Equal(
            [0, 1, 2, 3, 4, 52, 53, 54],
            sent.Select(one => (uint)(one.Timestamp - sent[0].Timestamp) / Playout.FrameBytes)
        );
        Assert.Equal([2], Enumerable.Range(0, 8).Where(i => sent[i].IsMarked));
        Assert.Equal([255, 255, 0, 0, 255, 255, 255, 255], sent.Select(one => one.Code));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public async Task A_tone_of_either_law_is_heard_and_what_is_lost_fades(byte type)
    {
        Begin(NewTerms());
        var law = RtpTerms.LawOf(type)!.Value;
        var tone = Sound.Tone(0.2f, 0.4, G711.Rate);
        var codes = new byte[tone.Length];
        G711.Encode(law, tone, codes);
        for (var i = 0; i < 20; i++)
        {
            if (i is not (10 or 11))
            {
                Send((ushort)(65_530 + i), (uint)(i * 160), type, codes.AsSpan(i * 160, 160));
            }
        }

        await _ear.UntilAsync(ear => ear.Samples.Length >= tone.Length);

        var heard = _ear.Samples;
        Assert.Equal(tone.Length, heard.Length);
        Assert.InRange(Tones.Share(heard.AsSpan(0, 1_600), 400), 0.99, 1.01);
        Assert.InRange(Tones.Share(heard.AsSpan(1_920, 1_280), 400), 0.99, 1.01);
        Assert.Equal(0.1, Samples.RootMeanSquare(heard.AsSpan(1_600, 160)), 0.005); // The frame before, half as loud,
        Assert.Equal(0.05, Samples.RootMeanSquare(heard.AsSpan(1_760, 160)), 0.005); // and again.
    }

    [Fact]
    public async Task Keys_are_pressed_once_and_take_no_sound_with_them()
    {
        Begin(NewTerms());
        ushort sequence = 1;
        foreach (var (key, timestamp) in new[] { (1, 1_000u), (9, 3_000u), (10, 5_000u), (11, 7_000u), (15, 9_000u) })
        {
            for (var i = 0; i < 5; i++)
            {
                Send(sequence++, timestamp, EventType, [(byte)key, (byte)(i < 3 ? 0x0A : 0x8A), 0, 160]);
            }
        }

        Send(sequence, 10_000, 0, new byte[160]);
        await _ear.UntilAsync(static ear => ear.Samples.Length >= 160);

        Assert.Equal("19*#D", _ear.Keys);
    }

    [Fact]
    public async Task Sound_goes_where_it_comes_from_and_a_stranger_is_neither_heard_nor_told()
    {
        using var behindNat = NewSocket();
        using var stranger = NewSocket();
        Begin(NewTerms() with { Remote = new IPEndPoint(IPAddress.Loopback, 9) });
        Send(1, 160, 0, new byte[160], behindNat, source: 5);
        await _ear.UntilAsync(static ear => ear.Samples.Length >= 160);

        Send(2, 320, 0, new byte[160], stranger, source: 5);
        Send(2, 320, 0, new byte[160], stranger, source: 6);
        Tick(1);
        await ReadAsync(behindNat);
        Send(2, 320, 0, new byte[80], behindNat, source: 5);
        await _ear.UntilAsync(static ear => ear.Samples.Length >= 240);

        Assert.Equal(240, _ear.Samples.Length);
        Assert.Equal(0, stranger.Available);
    }

    [Fact]
    public async Task A_phone_that_sends_nothing_is_silent_and_gone_after_its_time()
    {
        Begin(NewTerms());

        Tick(20);
        await _ear.UntilAsync(static ear => ear.Samples.Length >= 1_600);
        Assert.All(_ear.Samples, static sample => Assert.Equal(0, sample));
        Tick(1_480);

        Assert.Equal("nothing has come from the caller for 30 s", await _running!.WaitAsync(Token));
    }

    [Fact]
    public async Task On_hold_what_is_to_be_said_waits_and_nobody_is_missed()
    {
        Begin(NewTerms());
        _session.Agree(NewTerms() with { WeSend = false, TheySend = false });
        _playout.TryAdd(new byte[160], new SpeechMark(1, 0, 1));
        Tick(3_000);
        Assert.False(_running!.IsCompleted);
        Assert.Equal(TimeSpan.FromMilliseconds(20), _playout.Depth);
        Assert.Equal(0, _phone.Available);

        _session.Agree(NewTerms());
        _playout.End(new SpeechMark(1, 0, 1));
        Tick(1);
        Assert.Equal(0, (await ReadAsync()).Code);

        _session.Agree(NewTerms() with { WeSend = false, TheySend = false });
        Tick(30_000);
        Assert.Equal("nothing has come from the caller for 600 s", await _running.WaitAsync(Token));
    }

    [Fact]
    public void Calls_have_even_ports_of_their_range_and_none_when_all_are_taken()
    {
        using var probe = NewSocket();
        var first = ((IPEndPoint)probe.LocalEndPoint!).Port & ~1;
        var ports = new RtpPorts(first, first + 5);
        List<Socket> open = [];
        while (ports.Open(IPAddress.Loopback) is { } socket)
        {
            open.Add(socket);
        }

        Assert.InRange(open.Count, 1, 3); // Others may have some of them.
        Assert.All(open, socket => Assert.Equal(0, ((IPEndPoint)socket.LocalEndPoint!).Port & 1));
        open[0].Dispose();
        open.Add(ports.Open(IPAddress.Loopback)!);
        open.ForEach(static socket => socket?.Dispose());
        Assert.NotNull(open[^1]);
    }

    private static Socket NewSocket()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private RtpTerms NewTerms() =>
        new((IPEndPoint)_phone.LocalEndPoint!, G711Law.Mu, EventType, WeSend: true, TheySend: true);

    private void Begin(RtpTerms terms)
    {
        _session.Agree(terms);
        _running = _session.RunAsync(_playout, _ear, _over.Token);
    }

    private void Tick(int frames)
    {
        for (var i = 0; i < frames; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(20));
            _clock.GiveDue();
        }
    }

    private void Send(
        ushort sequence,
        uint timestamp,
        byte type,
        ReadOnlySpan<byte> payload,
        Socket? by = null,
        uint source = 1
    )
    {
        var bytes = new byte[RtpPacket.HeadBytes + payload.Length];
        var packet = new RtpPacket
        {
            Type = type,
            Sequence = sequence,
            Timestamp = timestamp,
            Source = source,
            Payload = payload,
        };
        packet.Write(bytes);
        (by ?? _phone).SendTo(bytes, _session.At);
    }

    private async Task<(int Sequence, long Timestamp, bool IsMarked, byte Code)> ReadAsync(Socket? by = null)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(Token);
        late.CancelAfter(TimeSpan.FromSeconds(60));
        var bytes = new byte[500];
        var count = await (by ?? _phone).ReceiveAsync(bytes, late.Token);
        Assert.True(RtpPacket.TryRead(bytes.AsSpan(0, count), out var packet));
        Assert.Equal(Playout.FrameBytes, packet.Payload.Length);
        return (packet.Sequence, packet.Timestamp, packet.IsMarked, packet.Payload[0]);
    }
}
