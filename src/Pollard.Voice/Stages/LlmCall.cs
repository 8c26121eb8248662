using System.Text;
using Microsoft.Extensions.Logging;
using Pollard.Client;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>
/// The talk of one call: takes the caller's words, has them answered, and keeps what was really heard of the answer. A caller who speaks
/// pauses what is being said; words throw it away.
/// </summary>
internal sealed partial class LlmCall
{
    private const int MostAhead = 8; // Sentences on their way to the caller; the model is read no faster.
    private static readonly TimeSpan GoOnWithin = TimeSpan.FromSeconds(1); // Existing services do not say what was heard.
    private readonly ICallLink _stt;
    private readonly ICallLink _tts;
    private readonly LlmSettings _settings;
    private readonly CallJournal _journal;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly AnswerWriter _writer;
    private readonly Conversation _talk;
    private readonly List<(uint Turn, string Text)> _queued = []; // Where nobody may interrupt.
    private readonly List<Task> _writing = [];
    private readonly Lock _gate = new();
    private Answer? _answer;
    private UnfinishedAnswer? _unfinished; // Of the process before this one, until it is known what was heard of it.
    private uint _turn;
    private uint _speaking; // The utterance that the caller was last heard to begin.
    private uint _generation;
    private uint _answered; // What was answered last.
    private bool _isOver;

    public LlmCall(
        ICallLink stt,
        ICallLink tts,
        ICallModel model,
        LlmSettings settings,
        CallJournal journal,
        TimeProvider time,
        ILogger logger
    )
    {
        (_stt, _tts, _settings, _journal, _time, _logger) = (stt, tts, settings, journal, time, logger);
        _writer = new AnswerWriter(model, settings, stt.Call, time, logger);
        _talk = new Conversation(settings.System, settings.MostTurns);
        _generation = FirstNumber.Of(time);
    }

    public async Task RunAsync(CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        _tts.TrySend(new LinkFrame(FrameKind.Ready)); // What follows is all that this process has.
        Begin();
        _stt.TrySend(new LinkFrame(FrameKind.Ready));
        using var late = _time.CreateTimer(_ => GoOn(default), null, GoOnWithin, Timeout.InfiniteTimeSpan);
        using var keys = new PressedKeys(_stt, _journal.LastKey, TakeKeys, _settings.KeyPause, _time);
        Task[] all = [HearCallerAsync(keys, over.Token), HearSpeechAsync(over.Token)];
        await Task.WhenAny(all); // Either neighbour may end the call.
        await over.CancelAsync();
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Task[] writing;
        lock (_gate)
        {
            _isOver = true;
            if (ct.IsCancellationRequested)
            {
                _answer?.Leave(); // The call goes on with the next process.
            }
            else
            {
                _answer?.Stop();
            }

            _answer = null; // What is still being written is not said.
            writing = [.. _writing];
        }

        await Task.WhenAll(writing);
        foreach (var task in all.Where(static task => task.IsFaulted))
        {
            await task;
        }
    }

    private void Begin()
    {
        lock (_gate)
        {
            _turn = _journal.LastTurn;
            _unfinished = _journal.Replay(_talk);
            if (_settings.Greeting is { } greeting && _journal.Before.Count == 0)
            {
                Answer(new UnfinishedAnswer(0, null, []), heard: 0, greeting);
            }
        }
    }

    /// <summary>Goes on with the answer in the middle of which the process before this one ended.</summary>
    /// <param name="heard">What the caller has last heard; who speaks knows more of that than was written down.</param>
    private void GoOn(SpeechMark heard)
    {
        lock (_gate)
        {
            if (_isOver || _unfinished is not { } answer)
            {
                return;
            }

            _unfinished = null;
            LogGoesOn(_logger, _stt.Call, answer.Turn);
            Flush(); // What the process before this one had said and was not heard is said again.
            Answer(answer, heard.Turn == answer.Turn ? heard.Sentence : 0);
        }
    }

    private async Task HearCallerAsync(PressedKeys keys, CancellationToken ct)
    {
        var isReady = false;
        await foreach (var frame in _stt.Incoming.ReadAllAsync(ct))
        {
            switch (frame.Kind)
            {
                case FrameKind.Ready:
                    isReady = true;
                    break;
                case FrameKind.Text when isReady: // What came before it comes again, in order.
                    Take(frame.Mark.Turn, Encoding.UTF8.GetString(frame.Payload.Span).Trim());
                    _stt.TrySend(new LinkFrame(FrameKind.Done, Mark: frame.Mark));
                    break;
                case FrameKind.Key when isReady && keys.Press(frame) && _settings.BargeIn != BargeIn.Off:
                    _tts.TrySend(new LinkFrame(FrameKind.Hold)); // As with the first sound of words.
                    break;
                case FrameKind.Hold or FrameKind.Resume when _settings.BargeIn != BargeIn.Off:
                    Hold(frame);
                    break;
            }
        }
    }

    private void Hold(in LinkFrame frame)
    {
        lock (_gate)
        {
            if (frame.Mark.Turn <= _turn || frame.Mark.Turn < _speaking)
            {
                return; // It is overtaken by what the caller said then, or is saying by now.
            }

            _speaking = frame.Mark.Turn;
            _tts.TrySend(frame);
        }
    }

    private void Take(uint turn, string text)
    {
        lock (_gate)
        {
            if (turn <= _turn)
            {
                return; // It was said before, and the word that it was taken in got lost.
            }

            GoOn(default); // What was heard of it belongs to the talk.
            _turn = turn;
            Respond(turn, text);
            if (_speaking > turn)
            {
                _tts.TrySend(new LinkFrame(FrameKind.Hold)); // The caller speaks again already.
            }
        }
    }

    /// <returns>False: if the call goes on, they are said to the next process.</returns>
    private bool TakeKeys(uint last, string text)
    {
        lock (_gate)
        {
            if (!_isOver)
            {
                GoOn(default);
                Respond(last, text, areKeys: true);
            }

            return !_isOver;
        }
    }

    private void Respond(uint turn, string text, bool areKeys = false)
    {
        if (text.Length == 0 || IsMurmur(text))
        {
            _tts.TrySend(new LinkFrame(FrameKind.Resume));
            return;
        }

        LogHeard(_logger, _stt.Call, turn, text);
        _journal.Add(new JournalLine(turn) { Caller = text, IsKeys = areKeys });
        if (_answer is not null && _settings.BargeIn == BargeIn.Off)
        {
            _queued.Add((turn, text));
            return;
        }

        Interrupt();
        _talk.Caller(text);
        Answer(new UnfinishedAnswer(turn, null, []));
    }

    /// <summary>Whether it is only that the caller listens.</summary>
    private bool IsMurmur(string text) =>
        _answer is { Waiting: > 0, IsAsking: false }
        && _settings.Murmurs.Contains(text.Trim('.', ',', '!', ' '), StringComparer.OrdinalIgnoreCase);

    private void Interrupt()
    {
        if (_answer is { } answer)
        {
            _answer = null;
            answer.Stop();
            Flush();
            Keep(answer);
            VoiceMetrics.Interrupted();
        }
        else
        {
            _tts.TrySend(new LinkFrame(FrameKind.Resume)); // It was held for this.
        }
    }

    private void Flush() => _tts.TrySend(new LinkFrame(FrameKind.Flush, Mark: new SpeechMark(0, ++_generation, 0)));

    private void Keep(Answer answer)
    {
        var said = answer.Said();
        _talk.Model(said);
        _journal.Add(new JournalLine(answer.Turn) { Said = said });
    }

    private void Answer(UnfinishedAnswer unfinished, uint heard = 0, string? text = null)
    {
        if (unfinished.Turn < _answered)
        {
            Flush(); // The numbers of keys are others than those of words, and what is later must be known by a number that is higher.
        }

        _answered = unfinished.Turn;
        var answer = new Answer(unfinished.Turn, _generation) { Asked = unfinished.Asked };
        answer.HeardBefore(unfinished.Heard, heard);
        _answer = answer;
        _writing.RemoveAll(static task => task.IsCompleted);
        _writing.Add(WriteAsync(answer, _talk.Talk(), text));
    }

    private async Task WriteAsync(Answer answer, IReadOnlyList<ChatTurn> talk, string? text)
    {
        await Task.Yield(); // Whoever has the lock is not to wait for it.
        using (answer)
        {
            await _writer.WriteAsync(
                answer,
                talk,
                text,
                new AnswerWriter.Outlet(
                    asked => _journal.Add(new JournalLine(answer.Turn) { Asked = asked }),
                    sentence => SayAsync(answer, sentence),
                    () => BeginAnew(answer)
                )
            );
            lock (_gate)
            {
                answer.IsWritten = true;
                LookWhetherOver(answer);
            }
        }
    }

    private async ValueTask SayAsync(Answer answer, string sentence)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_answer != answer)
                {
                    return;
                }

                changed = answer.ChangedAsync();
                if (answer.Waiting < MostAhead)
                {
                    if (answer.Add(sentence) is { } frame)
                    {
                        _tts.TrySend(frame);
                    }

                    return;
                }
            }

            await changed;
        }
    }

    private void BeginAnew(Answer answer)
    {
        lock (_gate)
        {
            if (_answer == answer)
            {
                Flush();
                answer.BeginAnew(_generation);
            }
        }
    }

    private async Task HearSpeechAsync(CancellationToken ct)
    {
        await foreach (var frame in _tts.Incoming.ReadAllAsync(ct))
        {
            lock (_gate)
            {
                switch (frame.Kind)
                {
                    case FrameKind.Ready:
                        SayAgain();
                        GoOn(default);
                        break;
                    case FrameKind.Cut:
                        Heard(frame.Mark, TimeSpan.FromMilliseconds(frame.Chunk), isOver: false);
                        break;
                    case FrameKind.Played:
                        GoOn(frame.Mark);
                        Heard(frame.Mark, TimeSpan.MaxValue, isOver: true);
                        break;
                    case FrameKind.Done:
                        Heard(frame.Mark, so: null, isOver: true);
                        break;
                }
            }
        }
    }

    private void SayAgain()
    {
        _tts.TrySend(new LinkFrame(FrameKind.Ready)); // All that follows is what the caller has not heard yet.
        if (_answer is { } answer)
        {
            foreach (var frame in answer.OnTheirWay)
            {
                _tts.TrySend(frame);
            }
        }
    }

    private void Heard(SpeechMark mark, TimeSpan? so, bool isOver)
    {
        if (_answer is not { } answer || answer.Turn != mark.Turn || answer.Generation != mark.Generation)
        {
            return;
        }

        if (answer.Heard(mark.Sentence, so, isOver) is { } sentence)
        {
            _journal.Add(new JournalLine(answer.Turn) { Heard = sentence });
            LookWhetherOver(answer);
        }
    }

    private void LookWhetherOver(Answer answer)
    {
        if (_answer != answer || !answer.IsOver)
        {
            return;
        }

        _answer = null;
        Keep(answer);
        _tts.TrySend(new LinkFrame(FrameKind.End, Mark: new SpeechMark(answer.Turn, answer.Generation, 0)));
        if (_queued.Count > 0)
        {
            var turn = _queued[^1].Turn;
            _queued.ForEach(said => _talk.Caller(said.Text));
            _queued.Clear();
            Answer(new UnfinishedAnswer(turn, null, []));
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Call {Call}, turn {Turn}: \"{Text}\"")]
    private static partial void LogHeard(ILogger logger, CallId call, uint turn, string text);

    [LoggerMessage(Level = LogLevel.Information, Message = "Call {Call} goes on with the answer to turn {Turn}")]
    private static partial void LogGoesOn(ILogger logger, CallId call, uint turn);
}
