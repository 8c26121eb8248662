using Microsoft.Extensions.Logging;
using Pollard.Client;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>Has an answer written by the model, and gives its sentences as they come.</summary>
internal sealed partial class AnswerWriter(
    ICallModel model,
    LlmSettings settings,
    CallId call,
    TimeProvider time,
    ILogger logger
)
{
    private static readonly TimeSpan AskWithin = TimeSpan.FromSeconds(30);

    /// <summary>Where an answer goes.</summary>
    /// <param name="Asked">What was asked has this name.</param>
    /// <param name="Say">Says a sentence, when there is room for it.</param>
    /// <param name="BeginAnew">What was said of it and not heard yet is void.</param>
    internal sealed record Outlet(Action<string> Asked, Func<string, ValueTask> Say, Action BeginAnew);

    /// <summary>Writes an answer, until it is whole, or unwanted. What goes wrong is said to the caller. Never throws.</summary>
    /// <param name="answer">The answer. One that was asked already is heard again.</param>
    /// <param name="talk">What was said so far.</param>
    /// <param name="text">What to answer; null: the model is asked.</param>
    /// <param name="outlet">Where it goes.</param>
    public async Task WriteAsync(Answer answer, IReadOnlyList<ChatTurn> talk, string? text, Outlet outlet)
    {
        try
        {
            if (text is not null)
            {
                await outlet.Say(text);
                return;
            }

            var began = time.GetTimestamp();
            if (answer.Asked is null)
            {
                // Not cancelled with the answer: a task that was taken must be known, to be cancelled.
                using var limit = new CancellationTokenSource(AskWithin, time);
                answer.Asked = await model.AskAsync(call.ToString(), talk, limit.Token);
                outlet.Asked(answer.Asked);
            }

            await HearAsync(answer, began, outlet);
        }
        catch (OperationCanceledException) when (answer.Unwanted.IsCancellationRequested)
        {
            // The caller speaks, or is gone.
        }
        catch (Exception e) when (e is PollardException or OperationCanceledException)
        {
            LogNoAnswer(logger, call, answer.Turn, e.Message);
            await outlet.Say(settings.Sorry);
        }
        catch (Exception e)
        {
            LogBroken(logger, call, answer.Turn, e);
        }
        finally
        {
            if (answer is { Unwanted.IsCancellationRequested: true, IsLeft: false, Asked: { } asked })
            {
                await model.CancelAsync(asked);
            }
        }
    }

    private async Task HearAsync(Answer answer, long began, Outlet outlet)
    {
        var words = new Words(outlet, () => VoiceMetrics.FirstSentence(time.GetElapsedTime(began)));
        var isFirst = true;
        await using var updates = model.HearAsync(answer.Asked!, answer.Unwanted).GetAsyncEnumerator(answer.Unwanted);
        while (true)
        {
            var next = updates.MoveNextAsync().AsTask();
            if (!next.IsCompleted && await IsPauseAsync(next))
            {
                await words.PauseAsync();
            }

            if (!await next)
            {
                break;
            }

            switch (updates.Current)
            {
                case { Kind: ChatUpdateKind.Text, Choice: 0, Text: var text }:
                    if (isFirst)
                    {
                        isFirst = false;
                        VoiceMetrics.FirstToken(time.GetElapsedTime(began));
                    }

                    await words.AddAsync(text);
                    break;
                case { Kind: ChatUpdateKind.Restarted }:
                    words.BeginAnew();
                    break;
            }
        }

        await words.EndAsync();
        if (!words.HasSpoken)
        {
            LogNoAnswer(logger, call, answer.Turn, "the model said nothing that can be spoken");
            await outlet.Say(settings.Sorry);
        }
    }

    private async Task<bool> IsPauseAsync(Task next)
    {
        try
        {
            await next.WaitAsync(settings.Pause, time, CancellationToken.None); // Of itself it ends when it is not wanted.
            return false;
        }
        catch (TimeoutException)
        {
            return true;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Call {Call}: no answer to turn {Turn}: {Reason}")]
    private static partial void LogNoAnswer(ILogger logger, CallId call, uint turn, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Call {Call}: the answer to turn {Turn} broke")]
    private static partial void LogBroken(ILogger logger, CallId call, uint turn, Exception exception);

    /// <summary>Makes sentences of what the model writes.</summary>
    private sealed class Words(Outlet outlet, Action first)
    {
        private SpokenText _spoken = new();
        private SentenceSplitter _splitter = new();

        /// <summary>Whether there was one.</summary>
        public bool HasSpoken { get; private set; }

        public ValueTask AddAsync(string text) => SayAsync(_splitter.Add(_spoken.Add(text)));

        public ValueTask PauseAsync() => SayAsync(_splitter.Pause() is { } clause ? [clause] : []);

        public void BeginAnew()
        {
            (_spoken, _splitter) = (new SpokenText(), new SentenceSplitter());
            outlet.BeginAnew();
        }

        public async ValueTask EndAsync()
        {
            await SayAsync(_splitter.Add(_spoken.End()));
            await SayAsync(_splitter.End());
        }

        private async ValueTask SayAsync(IReadOnlyList<string> sentences)
        {
            foreach (var sentence in sentences)
            {
                if (SpokenText.Clean(sentence) is not { Length: > 0 } clean)
                {
                    continue;
                }

                if (!HasSpoken)
                {
                    HasSpoken = true;
                    first();
                }

                await outlet.Say(clean);
            }
        }
    }
}
