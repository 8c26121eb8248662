using System.Collections.Concurrent;
using System.Threading.Channels;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;
using Pollard.Voice.Tests.Audio;

namespace Pollard.Voice.Tests.Stages;

/// <summary>A caller who speaks and hears when a test says so, at no pace of a clock.</summary>
internal sealed class Caller(CallId call) : ICallLeg
{
    private readonly Channel<CallEvent> _events = Channel.CreateBounded<CallEvent>(10_000);
    private readonly ConcurrentDictionary<SpeechMark, string> _texts = [];
    private readonly TaskCompletionSource<ICallerEar> _ear = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _hungUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public CallId Call => call;

    string ICallLeg.Caller => "a test";

    public int Rate => 8_000;

    public Playout Playout { get; } = new(new PlayoutOptions { Lead = TimeSpan.Zero });

    /// <summary>Why the call is over.</summary>
    public Task<string> Over => _ended.Task;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async Task<string> RunAsync(ICallerEar ear, CancellationToken ct)
    {
        _ear.TrySetResult(ear);
        return await _hungUp.Task.WaitAsync(ct);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Whether an answer was said to its end.</summary>
    public bool IsAnswered { get; private set; }

    public void Tell(CallEvent happened)
    {
        IsAnswered |= happened is CallEvent.Answered;
        if (happened is CallEvent.Answering answering)
        {
            _texts[answering.Mark] = answering.Text;
        }

        _events.Writer.TryWrite(happened);
    }

    /// <summary>How often a sentence was begun to be said.</summary>
    public int Begun(string text) => _texts.Count(said => said.Value == text);

    public void Ended(string why) => _ended.TrySetResult(why);

    /// <summary>Says something for so long, and then nothing for a second.</summary>
    public async Task SayAsync(double seconds = 0.6)
    {
        await BeginAsync(seconds);
        await SilenceAsync();
    }

    /// <summary>Begins to say something.</summary>
    public async Task BeginAsync(double seconds) => (await _ear.Task).Hear(Sound.Tone(0.2f, seconds, Rate));

    /// <summary>Says nothing for a second.</summary>
    public async Task SilenceAsync() => (await _ear.Task).Hear(new float[Rate]);

    /// <summary>Presses keys.</summary>
    public async Task PressAsync(string keys)
    {
        var ear = await _ear.Task;
        foreach (var key in keys)
        {
            ear.Press(key);
        }
    }

    public void HangUp() => _hungUp.TrySetResult("the caller has hung up");

    /// <summary>Hears so many frames; how many of them had sound.</summary>
    public int Hear(int frames)
    {
        var frame = new byte[Playout.FrameBytes];
        return Enumerable.Range(0, frames).Count(_ => Playout.Take(frame));
    }

    /// <summary>Hears sentences to their end, until one with such words is over.</summary>
    public async Task<IReadOnlyList<string>> HearUntilAsync(string last)
    {
        List<string> heard = [];
        var frame = new byte[Playout.FrameBytes];
        while (true)
        {
            Playout.Take(frame);
            while (_events.Reader.TryRead(out var happened))
            {
                if (happened is CallEvent.Played { IsWhole: true } played)
                {
                    heard.Add(_texts[played.Mark]);
                    if (heard[^1] == last)
                    {
                        return heard;
                    }
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token);
        }
    }

    /// <summary>Waits for something to happen.</summary>
    public async Task<T> UntilAsync<T>(Func<T, bool>? holds = null)
        where T : CallEvent
    {
        await foreach (var happened in _events.Reader.ReadAllAsync(Token))
        {
            if (happened is T wanted && holds?.Invoke(wanted) != false)
            {
                return wanted;
            }
        }

        throw new InvalidOperationException("Events never end.");
    }
}
