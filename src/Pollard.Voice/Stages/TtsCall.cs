using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Engines;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>
/// What is said in one call. Sentences are kept until the caller has heard them, so that an outbound service that is started anew gets them
/// again.
/// </summary>
internal sealed partial class TtsCall(
    ICallLink llm,
    ICallLink outbound,
    ITextToSpeech engine,
    TimeProvider time,
    ILogger logger
) : IDisposable
{
    private const int MostSentences = 1_000;
    private const int MostAhead = 2; // One is being heard, and one waits behind it.
    private const int PartCharacters = 400; // A text of an existing service may be a page.
    private static readonly TimeSpan RoomAgain = TimeSpan.FromMilliseconds(20);
    private readonly Lock _gate = new();
    private readonly List<Sentence> _sentences = []; // Those that were not heard yet, in order.
    private TaskCompletionSource _changed = NewSignal();
    private CancellationTokenSource _speaking = new();
    private SpeechMark _last;
    private SpeechMark _heard; // By the caller, last.
    private uint _generation;

    public async Task RunAsync(CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        llm.TrySend(new LinkFrame(FrameKind.Ready));
        outbound.TrySend(new LinkFrame(FrameKind.Ready));
        Task[] all = [HearModelAsync(over.Token), HearOutboundAsync(over.Token), SpeakAsync(over.Token)];
        await Task.WhenAny(all); // Either neighbour may end the call.
        await over.CancelAsync();
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var task in all.Where(static task => task.IsFaulted))
        {
            await task;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _speaking.Dispose();

    private async Task HearModelAsync(CancellationToken ct)
    {
        var isReady = false;
        await foreach (var frame in llm.Incoming.ReadAllAsync(ct))
        {
            lock (_gate)
            {
                switch (frame.Kind)
                {
                    case FrameKind.Ready:
                        isReady = true;
                        llm.TrySend(new LinkFrame(FrameKind.Played, Mark: _heard)); // It may not know, if it was started anew.
                        break;
                    case FrameKind.Text when isReady: // What came before it comes again, in order.
                        Take(frame.Mark, Encoding.UTF8.GetString(frame.Payload.Span));
                        break;
                    case FrameKind.Flush:
                        _generation = Math.Max(_generation, frame.Mark.Generation);
                        _sentences.RemoveAll(one => one.Mark.Generation < _generation);
                        _ = _speaking.CancelAsync(); // An engine may take its time to stop.
                        outbound.TrySend(frame);
                        Signal();
                        break;
                    case FrameKind.Hold or FrameKind.Resume or FrameKind.End:
                        outbound.TrySend(frame);
                        break;
                }
            }
        }
    }

    private void Take(SpeechMark mark, string text)
    {
        if (mark.Generation < _generation || !IsAfter(mark, _last))
        {
            return; // Stale, or said again though it is known.
        }

        if (_sentences.Count >= MostSentences)
        {
            LogTooMany(logger, llm.Call, MostSentences);
            return;
        }

        _last = mark;
        _sentences.Add(new Sentence(mark, text));
        Signal();
    }

    private static bool IsAfter(SpeechMark mark, SpeechMark other) =>
        (mark.Generation, mark.Turn, mark.Sentence).CompareTo((other.Generation, other.Turn, other.Sentence)) > 0;

    private async Task HearOutboundAsync(CancellationToken ct)
    {
        await foreach (var frame in outbound.Incoming.ReadAllAsync(ct))
        {
            lock (_gate)
            {
                switch (frame.Kind)
                {
                    case FrameKind.Played or FrameKind.Cut:
                        if (frame.Kind == FrameKind.Played)
                        {
                            _heard = frame.Mark;
                            Forget(frame.Mark);
                        }

                        llm.TrySend(frame);
                        break;
                    case FrameKind.Ready:
                        outbound.TrySend(frame);
                        if (_generation > 0)
                        {
                            outbound.TrySend(new LinkFrame(FrameKind.Flush, Mark: new SpeechMark(0, _generation, 0)));
                        }

                        _sentences.ForEach(static one => one.IsSpoken = false);
                        _ = _speaking.CancelAsync(); // It has lost what was spoken, and of this one the beginning.
                        Signal();
                        break;
                }
            }
        }
    }

    private void Forget(SpeechMark mark)
    {
        _sentences.RemoveAll(one => one.Mark == mark);
        Signal();
    }

    private async Task SpeakAsync(CancellationToken ct)
    {
        while (true)
        {
            Task changed;
            Sentence? next;
            CancellationToken unwanted;
            lock (_gate)
            {
                changed = _changed.Task;
                next =
                    _sentences.Count(static one => one.IsSpoken) < MostAhead
                        ? _sentences.FirstOrDefault(static one => !one.IsSpoken)
                        : null;
                if (next is not null)
                {
                    next.IsSpoken = true;
                    if (_speaking.IsCancellationRequested)
                    {
                        _speaking = new CancellationTokenSource();
                    }
                }

                unwanted = _speaking.Token;
            }

            if (next is null)
            {
                await changed.WaitAsync(ct);
                continue;
            }

            using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, unwanted);
            try
            {
                await SpeakAsync(next, either.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                // The caller speaks, or another process plays.
            }
        }
    }

    private async Task SpeakAsync(Sentence sentence, CancellationToken ct)
    {
        var voice = new Voice(this, sentence.Mark);
        await SendAsync(new LinkFrame(FrameKind.Text, Encoding.UTF8.GetBytes(sentence.Text), Mark: sentence.Mark), ct);
        foreach (var part in PartsOf(sentence.Text))
        {
            var spoken = await engine.SayAsync(part, voice.TakeAsync, ct);
            if (spoken.Failure is { } failure)
            {
                LogNotSpoken(logger, llm.Call, failure.Word, failure.Detail);
            }
        }

        if (voice.Pieces > 0)
        {
            await SendAsync(new LinkFrame(FrameKind.End, Mark: sentence.Mark), ct);
            return;
        }

        lock (_gate)
        {
            Forget(sentence.Mark);
            llm.TrySend(new LinkFrame(FrameKind.Cut, Mark: sentence.Mark)); // Nothing of it was heard.
            llm.TrySend(new LinkFrame(FrameKind.Done, Mark: sentence.Mark));
        }
    }

    private static IReadOnlyList<string> PartsOf(string text)
    {
        if (text.Length <= PartCharacters)
        {
            return [text];
        }

        var splitter = new SentenceSplitter();
        return [.. splitter.Add(text), .. splitter.End()];
    }

    /// <summary>Says something to the outbound service, as soon as it is there and has room.</summary>
    private async ValueTask SendAsync(LinkFrame frame, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        while (!outbound.TrySend(frame))
        {
            await Task.Delay(RoomAgain, time, ct);
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Call {Call}: a sentence is not said, because {Most} others wait to be heard"
    )]
    private static partial void LogTooMany(ILogger logger, CallId call, int most);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Call {Call}: a sentence was not spoken to its end ({Word}): the engine {Detail}"
    )]
    private static partial void LogNotSpoken(ILogger logger, CallId call, string word, string detail);

    private sealed class Sentence(SpeechMark mark, string text)
    {
        public SpeechMark Mark => mark;

        public string Text => text;

        /// <summary>Whether its sound is on its way, or is being made.</summary>
        public bool IsSpoken { get; set; }
    }

    /// <summary>The sound of a sentence on its way.</summary>
    private sealed class Voice(TtsCall call, SpeechMark mark)
    {
        private readonly long _began = call.Time.GetTimestamp();

        /// <summary>Pieces that have been sent.</summary>
        public uint Pieces { get; private set; }

        public ValueTask TakeAsync(Sound part, CancellationToken ct)
        {
            if (Pieces == 0)
            {
                VoiceMetrics.FirstSound(call.Time.GetElapsedTime(_began));
            }

            Pieces = part.IsAnew ? 1 : Pieces + 1; // What begins anew is known by the number.
            var samples = MemoryMarshal.AsBytes(part.Samples.Span).ToArray();
            return call.SendAsync(new LinkFrame(FrameKind.Audio, samples, part.Rate, Pieces, mark), ct);
        }
    }

    private TimeProvider Time => time;
}
