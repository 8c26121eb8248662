using System.Diagnostics;
using System.Threading.Channels;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;

namespace Pollard.Bench.Voice;

/// <summary>A caller who speaks when the measurement says so, and hears with the clock of all calls.</summary>
internal sealed class BenchCall : ICallLeg
{
    private const int MostEvents = 10_000;
    private readonly Channel<(long At, CallEvent Event)> _events = Channel.CreateBounded<(long, CallEvent)>(MostEvents);
    private readonly TaskCompletionSource<ICallerEar> _ear = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _over = new();
    private readonly FrameClock _clock;
    private readonly Task _call;
    private long _lastSound;

    public BenchCall(VoiceScene scene, string id)
    {
        (_clock, Call) = (scene.Clock, CallId.Parse(id));
        Opened = Stopwatch.GetTimestamp();
        _call = scene.Edge.ServeAsync(this, Tell, _over.Token);
    }

    /// <summary>When it was opened, in stopwatch ticks.</summary>
    public long Opened { get; }

    /// <summary>When a frame with sound was last due.</summary>
    public long LastSound => Volatile.Read(ref _lastSound);

    public CallId Call { get; }

    public string Caller => "a measurement";

    public int Rate => G711.Rate;

    public Playout Playout { get; } = new(new PlayoutOptions());

    public async Task<string> RunAsync(ICallerEar ear, CancellationToken ct)
    {
        using var ticking = _clock.Add(Playout, Due);
        _ear.TrySetResult(ear);
        await Task.Delay(Timeout.InfiniteTimeSpan, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return "over";
    }

    /// <summary>Says noise for so long.</summary>
    public async Task SayAsync(TimeSpan length)
    {
        var samples = new float[(int)(length.TotalSeconds * Rate)];
        for (var i = 0; i < samples.Length; i++)
        {
            samples[i] = Random.Shared.NextSingle() - 0.5f;
        }

        (await _ear.Task).Hear(samples);
    }

    /// <summary>Says nothing for a second.</summary>
    public async Task SilenceAsync() => (await _ear.Task).Hear(new float[Rate]);

    /// <summary>When something happened.</summary>
    public async Task<long> UntilAsync<T>(Func<T, bool>? holds = null)
        where T : CallEvent
    {
        while (true)
        {
            var (at, happened) = await _events.Reader.ReadAsync(_over.Token);
            if (happened is T wanted && holds?.Invoke(wanted) != false)
            {
                return at;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _call;
        _over.Dispose();
    }

    private void Tell(CallEvent happened) => _events.Writer.TryWrite((Stopwatch.GetTimestamp(), happened));

    private void Due(long number, ReadOnlySpan<byte> frame, bool isSound)
    {
        if (isSound)
        {
            Volatile.Write(ref _lastSound, Stopwatch.GetTimestamp());
        }
    }
}
