using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Legs.Rtp;
using Pollard.Voice.Legs.Sip;
using Pollard.Voice.Tests.Audio;

namespace Pollard.Voice.Tests.Legs;

/// <summary>Takes calls by SIP on real ports: says a tone to each, another to each, keeps what it hears, and why it ended.</summary>
internal sealed class AnsweringMachine : IAsyncDisposable
{
    private readonly FrameClock _clock = new(TimeProvider.System, NullLogger.Instance);
    private readonly CancellationTokenSource _over = new();
    private readonly ConcurrentDictionary<int, TaskCompletionSource<Answered>> _calls = [];
    private readonly Task _taking;
    private readonly Task _answering;
    private readonly double _toneSeconds;

    /// <param name="change">What is to be other than usual.</param>
    /// <param name="toneSeconds">How long the tone lasts that each call hears.</param>
    public AnsweringMachine(Func<SipSettings, SipSettings>? change = null, double toneSeconds = 1)
    {
        var settings = new SipSettings
        {
            At = new IPEndPoint(IPAddress.Loopback, 0),
            Rtp = new RtpSettings { FirstPort = 0 },
        };
        _toneSeconds = toneSeconds;
        Source = new SipSource(change?.Invoke(settings) ?? settings, _clock, TimeProvider.System, NullLogger.Instance);
        _clock.Start();
        _taking = Source.RunAsync(_over.Token);
        _answering = AnswerAsync();
    }

    public SipSource Source { get; }

    /// <summary>How many calls there were.</summary>
    public int Count { get; private set; }

    /// <summary>The tone that a call hears: all can be told apart in 100 ms.</summary>
    public static double ToneOf(int call) => 400 + 10 * call;

    /// <summary>A call, as soon as it is up.</summary>
    public Task<Answered> CallAsync(int number) =>
        _calls
            .GetOrAdd(number, static _ => NewCall())
            .Task.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_over.IsCancellationRequested)
        {
            return; // A test has awaited the end.
        }

        await _over.CancelAsync();
        await Task.WhenAll(_taking, _answering)
            .WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, CancellationToken.None);
        await Source.DisposeAsync();
        _clock.Dispose();
        _over.Dispose();
    }

    private static TaskCompletionSource<Answered> NewCall() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task AnswerAsync()
    {
        List<Task> talks = [];
        await foreach (var leg in Source.Came.ReadAllAsync(CancellationToken.None)) // It ends with the source.
        {
            var call = new Answered(leg, CancellationTokenSource.CreateLinkedTokenSource(_over.Token));
            talks.Add(TalkAsync(call, ToneOf(Count)));
            _calls.GetOrAdd(Count++, static _ => NewCall()).SetResult(call);
        }

        await Task.WhenAll(talks);
    }

    private async Task TalkAsync(Answered call, double frequency)
    {
        await using var leg = call.Leg;
        var running = leg.RunAsync(call.Ear, call.Ending.Token);
        var tone = Sound.Tone(0.2f, _toneSeconds, G711.Rate, frequency);
        var pcm = new byte[tone.Length * 2];
        Samples.Encode(SampleEncoding.Pcm16, tone, pcm);
        var source = new PlayoutSource(leg.Playout);
        await source.AddAsync(
            new SoundChunk(pcm, SampleEncoding.Pcm16, G711.Rate),
            new SpeechMark(1, 0, 1),
            CancellationToken.None
        );
        await source.EndAsync(CancellationToken.None);
        call.Ended.SetResult(await running);
    }
}

/// <summary>A call that was answered.</summary>
internal sealed record Answered(ICallLeg Leg, CancellationTokenSource Ending)
{
    public EarLog Ear { get; } = new();

    /// <summary>Ends with the call, with the reason.</summary>
    public TaskCompletionSource<string> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<string> EndedAsync() =>
        Ended.Task.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken);
}
