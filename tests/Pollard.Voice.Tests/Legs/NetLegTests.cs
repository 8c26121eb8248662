using System.IO.Pipelines;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Testing;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Legs.Rtp;
using Pollard.Voice.Links;
using Pollard.Voice.Tests.Audio;

namespace Pollard.Voice.Tests.Legs;

/// <summary>Callers of the bare net, with a clock that the test turns.</summary>
public sealed class NetLegTests : IAsyncDisposable
{
    private static readonly IPEndPoint Anywhere = new(IPAddress.Loopback, 0);
    private readonly JumpingClock _time = new(DateTimeOffset.UnixEpoch);
    private readonly FrameClock _clock;
    private readonly EarLog _ear = new();
    private readonly RtpEnd _caller = new();

    public NetLegTests() => _clock = new FrameClock(_time, NullLogger.Instance);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _caller.DisposeAsync();
        _clock.Dispose();
    }

    [Fact]
    public async Task Who_sends_RTP_may_begin_late_and_is_gone_30_s_after_their_last_packet()
    {
        await using var leg = NewLeg(IPAddress.IsLoopback);
        var running = leg.RunAsync(_ear, Token);
        Tick(60_000);
        Assert.False(running.IsCompleted);

        var before = _ear.Samples.Length;
        _caller.Say(leg.At, Sound.Tone(0.2f, 0.02, G711.Rate));
        await _ear.UntilAsync(ear => ear.Samples.Skip(before).Any(static sample => sample != 0));
        Tick(1_500);

        Assert.Equal("nothing has come from the caller for 30 s", await running.WaitAsync(Token));
    }

    [Fact]
    public async Task Only_the_first_sender_is_heard_and_what_is_no_packet_changes_nothing()
    {
        await using var leg = NewLeg(IPAddress.IsLoopback);
        await using var stranger = new RtpEnd { Source = 8 };
        var running = leg.RunAsync(_ear, Token);
        stranger.SendRaw(leg.At, "no packet"u8);
        stranger.SendRaw(leg.At, []);
        _caller.Say(leg.At, Sound.Tone(0.2f, 0.02, G711.Rate), G711Law.A);
        await _ear.UntilAsync(static ear => ear.Samples.Length >= 160);

        stranger.Say(leg.At, Sound.Tone(0.9f, 1, G711.Rate));
        _caller.Press(leg.At, 5);
        _caller.Say(leg.At, Sound.Tone(0.2f, 0.02, G711.Rate), G711Law.A);
        await _ear.UntilAsync(static ear => ear is { Keys: "5", Samples.Length: >= 320 });

        Assert.True(_ear.Samples.Max() < 0.4);
        Assert.False(running.IsCompleted);
    }

    [Fact]
    public async Task Who_may_not_send_is_not_heard()
    {
        await using var leg = NewLeg(static _ => false);
        var running = leg.RunAsync(_ear, Token);

        _caller.Say(leg.At, Sound.Tone(0.2f, 1, G711.Rate));
        Tick(50);
        await _ear.UntilAsync(static ear => ear.Samples.Length >= 1_600);

        Assert.All(_ear.Samples, static sample => Assert.Equal(0, sample));
        Assert.False(running.IsCompleted);
    }

    [Fact]
    public async Task Sound_that_goes_to_an_address_goes_on_in_steady_time_though_nobody_is_there()
    {
        using var nobody = new RtpPorts(0, 0).Open(IPAddress.Loopback)!;
        var at = (IPEndPoint)nobody.LocalEndPoint!;
        nobody.Dispose();
        await using var lost = new RtpOutLeg(CallId.Parse("6"), at, G711Law.Mu, _clock);
        await using var leg = new RtpOutLeg(CallId.Parse("7"), _caller.At, G711Law.A, _clock);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<string>[] running = [lost.RunAsync(_ear, over.Token), leg.RunAsync(_ear, over.Token)];
        Tick(2);
        leg.Playout.TryAdd(new byte[320], new SpeechMark(1, 0, 1));
        leg.Playout.End(new SpeechMark(1, 0, 1));
        Tick(8);
        while (_caller.Heard().Count < 10)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }

        var heard = _caller.Heard();
        Assert.All(heard, one => Assert.Equal((8, heard[0].Source), (one.Type, one.Source)));
        Assert.Equal(
            Enumerable.Range(0, 10).Select(i => (i, (uint)i * 160)),
            heard.Select(one => ((one.Sequence - heard[0].Sequence) & 0xFFFF, one.Timestamp - heard[0].Timestamp))
        );
        Assert.Equal([2], Enumerable.Range(0, 10).Where(i => heard[i].IsMarked));
        await over.CancelAsync();
        Assert.All(await Task.WhenAll(running), static why => Assert.Equal("this side has ended it", why));
    }

    [Fact]
    public async Task Sound_of_which_nothing_comes_any_more_has_ended()
    {
        var pipe = new Pipe();
        var sound = new EndingSound(
            new RawReader(pipe.Reader.AsStream(), SampleEncoding.MuLaw).ReadAsync,
            TimeSpan.FromSeconds(30),
            _time
        );
        await pipe.Writer.WriteAsync(new byte[160], Token);
        Assert.Equal(160, await sound.ReadAsync(new float[160], Token));

        var reading = sound.ReadAsync(new float[160], Token).AsTask();
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(sound.Ended.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(0, await reading.WaitAsync(Token));
        await sound.Ended.WaitAsync(Token);
    }

    private RtpInLeg NewLeg(Func<IPAddress, bool> allows) =>
        new(CallId.Parse("7"), Anywhere, allows, _clock, NullLogger.Instance);

    private void Tick(int frames)
    {
        for (var i = 0; i < frames; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(20));
            _clock.GiveDue();
        }
    }
}
