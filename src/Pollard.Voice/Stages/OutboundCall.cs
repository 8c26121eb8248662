using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>What a caller hears, on its way from who speaks it. A sentence that comes anew goes on where it was.</summary>
internal sealed partial class OutboundCall(
    ICallLink tts,
    Playout playout,
    Action<CallEvent> tell,
    TimeProvider time,
    ILogger logger
)
{
    private const int MostPieces = 4_096;
    private static readonly TimeSpan HeldFor = TimeSpan.FromSeconds(15); // Who holds says so again every five.
    private readonly Channel<LinkFrame> _pieces = Channel.CreateBounded<LinkFrame>(MostPieces);
    private readonly PlayoutSource _source = new(playout);
    private SpeechMark _mark; // The sentence that comes in.
    private TimeSpan _taken; // How much of it.
    private TimeSpan _skip; // How much of what comes was taken before.
    private bool _isWhole;
    private readonly Lock _gate = new();
    private SpeechMark _played; // The last sentence that was heard.
    private uint _generation;

    /// <summary>Plays what comes, until the call is over.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        playout.Begun = mark => tell(new CallEvent.Sounded(mark, time.GetTimestamp()));
        tts.TrySend(new LinkFrame(FrameKind.Ready));
        Task[] all = [HearAsync(over.Token), PlayAsync(over.Token), ReportAsync(over.Token)];
        await Task.WhenAny(all);
        await over.CancelAsync();
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var task in all.Where(static task => task.IsFaulted))
        {
            await task;
        }
    }

    private async Task HearAsync(CancellationToken ct)
    {
        using var release = time.CreateTimer(
            static playout => ((Playout)playout!).IsPaused = false,
            playout,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
        await foreach (var frame in tts.Incoming.ReadAllAsync(ct))
        {
            switch (frame.Kind)
            {
                case FrameKind.Ready:
                    tell(new CallEvent.Connected(VoiceRole.Tts));
                    break;
                case FrameKind.Hold:
                    playout.IsPaused = true;
                    release.Change(HeldFor, Timeout.InfiniteTimeSpan);
                    SayWhere();
                    break;
                case FrameKind.Resume:
                    playout.IsPaused = false;
                    break;
                case FrameKind.Flush:
                    Volatile.Write(ref _generation, Math.Max(_generation, frame.Mark.Generation));
                    playout.Flush(frame.Mark.Generation);
                    break;
                case FrameKind.Text:
                    tell(new CallEvent.Answering(frame.Mark, Encoding.UTF8.GetString(frame.Payload.Span)));
                    break;
                case FrameKind.End when frame.Mark.Sentence == 0:
                    tell(new CallEvent.Answered(frame.Mark.Turn));
                    break;
                case FrameKind.Audio or FrameKind.End:
                    if (!_pieces.Writer.TryWrite(frame))
                    {
                        LogTooMany(logger, tts.Call, MostPieces);
                    }

                    break;
            }
        }
    }

    /// <summary>Who speaks is told how much of the sentence was heard that is held: it may be thrown away.</summary>
    private void SayWhere()
    {
        if (playout.Now is { } now)
        {
            Report(now);
        }
    }

    private async Task PlayAsync(CancellationToken ct)
    {
        await foreach (var frame in _pieces.Reader.ReadAllAsync(ct))
        {
            if (frame.Mark.Generation < Volatile.Read(ref _generation))
            {
                continue; // Stale.
            }

            if (IsBefore(frame.Mark, _mark))
            {
                SayAgain(frame); // Its process was started anew, and does not know that it was taken.
                continue;
            }

            if (frame.Kind == FrameKind.End)
            {
                if (frame.Mark == _mark && !_isWhole)
                {
                    _isWhole = true;
                    await _source.EndAsync(ct);
                }
                else
                {
                    SayAgain(frame);
                }

                continue;
            }

            if (frame.Mark != _mark)
            {
                (_mark, _taken, _skip, _isWhole) = (frame.Mark, TimeSpan.Zero, TimeSpan.Zero, false);
            }
            else if (frame.Chunk == 1)
            {
                _skip = _taken; // It is spoken anew, by another engine or process.
            }

            if (!_isWhole)
            {
                await PlayAsync(frame, ct);
            }
        }
    }

    private async ValueTask PlayAsync(LinkFrame frame, CancellationToken ct)
    {
        if (frame.Rate is < ResampleFilter.LeastRate or > ResampleFilter.MostRate)
        {
            LogOddRate(logger, tts.Call, frame.Rate);
            return;
        }

        var samples = frame.Payload.Length / sizeof(float);
        var skipped = Math.Min(samples, (int)Math.Round(_skip.TotalSeconds * frame.Rate));
        _skip -= TimeSpan.FromSeconds(skipped / (double)frame.Rate);
        if (skipped == samples)
        {
            return;
        }

        var rest = frame.Payload[(skipped * sizeof(float))..];
        _taken += TimeSpan.FromSeconds((samples - skipped) / (double)frame.Rate);
        await _source.AddAsync(new SoundChunk(rest, SampleEncoding.Float32, frame.Rate), frame.Mark, ct);
    }

    private static bool IsBefore(SpeechMark mark, SpeechMark other) =>
        (mark.Generation, mark.Turn, mark.Sentence).CompareTo((other.Generation, other.Turn, other.Sentence)) < 0;

    /// <summary>At the end of a sentence that was taken before: if it was heard too, that is said again.</summary>
    private void SayAgain(in LinkFrame frame)
    {
        lock (_gate)
        {
            if (frame.Kind == FrameKind.End && !IsBefore(_played, frame.Mark))
            {
                tts.TrySend(new LinkFrame(FrameKind.Played, Mark: frame.Mark));
            }
        }
    }

    private async Task ReportAsync(CancellationToken ct)
    {
        await foreach (var played in playout.Finished.ReadAllAsync(ct))
        {
            lock (_gate)
            {
                _played = played.IsWhole ? played.Mark : _played;
            }

            Report(played);
            tell(new CallEvent.Played(played.Mark, played.Length, played.IsWhole));
        }
    }

    private void Report(Played played) =>
        tts.TrySend(
            played.IsWhole
                ? new LinkFrame(FrameKind.Played, Mark: played.Mark)
                : new LinkFrame(FrameKind.Cut, Chunk: (uint)played.Length.TotalMilliseconds, Mark: played.Mark)
        );

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Call {Call}: a piece of sound is lost, because {Most} wait to be played"
    )]
    private static partial void LogTooMany(ILogger logger, CallId call, int most);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Call {Call}: sound of {Rate} samples a second cannot be played"
    )]
    private static partial void LogOddRate(ILogger logger, CallId call, int rate);
}
