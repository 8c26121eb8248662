using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Audio;
using Pollard.Voice.Engines;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>Recognises what callers say, and hands the words on. Calls do not wait for each other, except for an engine that is busy.</summary>
/// <param name="engine">Who recognises.</param>
/// <param name="model">Who answers.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed class SttStage(ISpeechToText engine, ICallTarget model, TimeProvider time, ILogger logger)
{
    /// <summary>Serves a call until it is over.</summary>
    public async Task ServeAsync(ICallLink inbound, CancellationToken ct)
    {
        var next = model.Open(inbound.Call);
        try
        {
            await new SttCall(inbound, next, engine, time, logger).RunAsync(ct);
        }
        finally
        {
            if (!ct.IsCancellationRequested) // Otherwise the call goes on with the next process.
            {
                next.Close();
            }
        }
    }
}

/// <summary>One call of it.</summary>
internal sealed partial class SttCall(
    ICallLink inbound,
    ICallLink model,
    ISpeechToText engine,
    TimeProvider time,
    ILogger logger
)
{
    private const int MostWaiting = 32; // Parts of utterances, some seconds each.
    private const int MostKeys = 256;
    private const int MostSamples = SpeechLimits.Rate * 55; // Of one part; a peer may send more at once than an engine takes.
    private readonly Channel<Part> _parts = Channel.CreateBounded<Part>(MostWaiting);
    private readonly SortedDictionary<uint, ReadOnlyMemory<byte>> _said = []; // What the model has not taken in yet.
    private readonly SortedDictionary<uint, ReadOnlyMemory<byte>> _keys = []; // Too.
    private readonly Lock _gate = new();
    private readonly List<float> _samples = [];
    private Resampler? _resampler;
    private SpeechMark _mark;
    private uint _begun; // The utterance that is being heard.
    private uint _last; // The last utterance that was heard to its end.

    public async Task RunAsync(CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        inbound.TrySend(new LinkFrame(FrameKind.Ready));
        model.TrySend(new LinkFrame(FrameKind.Ready)); // What follows is all that this process has.
        Task[] all = [HearCallerAsync(over.Token), RecogniseAsync(over.Token), HearModelAsync(over.Token)];
        await Task.WhenAny(all); // Either neighbour may end the call.
        await over.CancelAsync();
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var task in all.Where(static task => task.IsFaulted))
        {
            await task;
        }
    }

    private async Task HearCallerAsync(CancellationToken ct)
    {
        var (isReady, isSoundReady) = (false, false); // What comes before comes again, in order.
        await foreach (var frame in inbound.Incoming.ReadAllAsync(ct))
        {
            switch (frame.Kind)
            {
                case FrameKind.End when frame.Mark == default:
                    isSoundReady = true;
                    break;
                case FrameKind.Audio when isSoundReady && frame.Mark.Turn > _last:
                    await TakeAsync(frame, ct);
                    break;
                case FrameKind.End when frame.Mark.Turn == _begun && _begun > _last:
                    _last = _begun;
                    await PassAsync(_mark with { Turn = _last }, isLast: true, ct);
                    break;
                case FrameKind.Ready:
                    isReady = true;
                    break;
                case FrameKind.Key when isReady:
                    HandOn(frame);
                    break;
                case FrameKind.Hold or FrameKind.Resume:
                    model.TrySend(frame);
                    break;
            }
        }
    }

    private async ValueTask TakeAsync(LinkFrame frame, CancellationToken ct)
    {
        if (frame is { Mark.Sentence: 1, Chunk: 1 })
        {
            _samples.Clear(); // It may have been said in part before.
            _begun = frame.Mark.Turn;
            await _parts.Writer.WriteAsync(new Part(frame.Mark.Turn, [], IsFirst: true, IsLast: false), ct);
        }
        else if (frame.Mark.Turn != _begun)
        {
            return; // Its beginning was said to the process before this one; it comes again as a whole.
        }
        else if (frame.Mark != _mark && _samples.Count > 0)
        {
            await PassAsync(_mark, isLast: false, ct); // What there is can be recognised while the caller goes on.
        }

        _mark = frame.Mark;
        Append(frame);
        if (_samples.Count >= MostSamples)
        {
            await PassAsync(_mark, isLast: false, ct);
        }
    }

    private void Append(in LinkFrame frame)
    {
        var samples = new float[frame.Payload.Length / sizeof(float)];
        Samples.Decode(SampleEncoding.Float32, frame.Payload.Span, samples);
        if (frame.Rate == SpeechLimits.Rate)
        {
            _samples.AddRange(samples);
            return;
        }

        if (frame.Rate is < ResampleFilter.LeastRate or > ResampleFilter.MostRate)
        {
            LogOddRate(logger, inbound.Call, frame.Rate);
            return;
        }

        if (_resampler?.FromRate != frame.Rate)
        {
            _resampler = new Resampler(frame.Rate, SpeechLimits.Rate);
        }

        var resampled = new float[_resampler.MostOf(samples.Length)];
        _samples.AddRange(resampled.AsSpan(0, _resampler.Process(samples, resampled)));
    }

    private ValueTask PassAsync(SpeechMark mark, bool isLast, CancellationToken ct)
    {
        var part = new Part(mark.Turn, [.. _samples], IsFirst: false, isLast);
        _samples.Clear();
        return _parts.Writer.WriteAsync(part, ct);
    }

    private async Task RecogniseAsync(CancellationToken ct)
    {
        List<string> words = [];
        await foreach (var part in _parts.Reader.ReadAllAsync(ct))
        {
            if (part.IsFirst)
            {
                words.Clear();
            }

            if (part.Samples.Length > 0)
            {
                var began = time.GetTimestamp();
                var heard = await engine.HearAsync(part.Samples, ct);
                VoiceMetrics.Recognised(time.GetElapsedTime(began));
                if (heard.Text.Length > 0)
                {
                    words.Add(heard.Text);
                }
                else if (heard.Failure is { Fault: not EngineFault.NoSpeech } failure)
                {
                    LogNotHeard(logger, inbound.Call, failure.Word, failure.Detail);
                }
            }

            if (part.IsLast)
            {
                HandOn(part.Turn, string.Join(' ', words));
                words.Clear();
            }
        }
    }

    private void HandOn(uint turn, string text)
    {
        var mark = new SpeechMark(turn, 0, 0);
        if (text.Length == 0)
        {
            model.TrySend(new LinkFrame(FrameKind.Resume, Mark: mark)); // It was a noise.
            inbound.TrySend(new LinkFrame(FrameKind.Done, Mark: mark));
            return;
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        inbound.TrySend(new LinkFrame(FrameKind.Text, bytes, Mark: mark));
        lock (_gate) // What is said again is not to come behind it.
        {
            _said[turn] = bytes;
            if (!model.TrySend(new LinkFrame(FrameKind.Text, bytes, Mark: mark)))
            {
                LogNoRoom(logger, inbound.Call, turn);
            }
        }
    }

    private void HandOn(in LinkFrame key)
    {
        lock (_gate)
        {
            if (_keys.Count == MostKeys)
            {
                _keys.Remove(_keys.Keys.First());
            }

            _keys[key.Chunk] = key.Payload;
            model.TrySend(key);
        }
    }

    private async Task HearModelAsync(CancellationToken ct)
    {
        await foreach (var frame in model.Incoming.ReadAllAsync(ct))
        {
            switch (frame.Kind)
            {
                case FrameKind.Done:
                    lock (_gate)
                    {
                        _said.Remove(frame.Mark.Turn);
                    }

                    inbound.TrySend(frame);
                    break;
                case FrameKind.KeyDone:
                    lock (_gate)
                    {
                        _keys
                            .Keys.TakeWhile(number => number <= frame.Chunk)
                            .ToList()
                            .ForEach(number => _keys.Remove(number));
                    }

                    inbound.TrySend(frame);
                    break;
                case FrameKind.Ready:
                    SayAgain();
                    break;
            }
        }
    }

    private void SayAgain()
    {
        lock (_gate)
        {
            model.TrySend(new LinkFrame(FrameKind.Ready)); // All that follows is what it has not taken in yet.
            foreach (var (turn, text) in _said)
            {
                model.TrySend(new LinkFrame(FrameKind.Text, text, Mark: new SpeechMark(turn, 0, 0)));
            }

            foreach (var (number, key) in _keys)
            {
                model.TrySend(new LinkFrame(FrameKind.Key, key, Chunk: number));
            }
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Call {Call}: sound of {Rate} samples a second is not understood"
    )]
    private static partial void LogOddRate(ILogger logger, CallId call, int rate);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Call {Call}: an utterance was not recognised ({Word}): the engine {Detail}"
    )]
    private static partial void LogNotHeard(ILogger logger, CallId call, string word, string detail);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Call {Call}: the words of utterance {Turn} find no room on their way; they are said again when the service is back"
    )]
    private static partial void LogNoRoom(ILogger logger, CallId call, uint turn);

    private readonly record struct Part(uint Turn, float[] Samples, bool IsFirst, bool IsLast);
}
