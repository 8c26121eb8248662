using Microsoft.Extensions.Logging;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;

namespace Pollard.Tasks;

/// <summary>How an answer that was cut goes on on another host: its log is one answer, without a seam that a reader sees.</summary>
internal sealed partial class EngineCore
{
    // Ends an attempt so that another host goes on with what it has written; false when that cannot be, and nothing is done.
    private bool TryInterrupt(Attempt attempt, TaskError error, TimeSpan wait, bool slotIsFree, Effects effects)
    {
        var task = attempt.Task;
        if (!error.Retryable && attempt.Cut is null)
        {
            return false;
        }

        lock (task.Log.Gate)
        {
            attempt.IsOpen = false; // What it writes from here on is nobody's, or the seam would be elsewhere.
        }

        if (!error.Retryable)
        {
            task.StruckOut |= attempt.Cut!.Mode; // The request was good for the host that began: it is the going on that fails.
        }

        if (CutOf(attempt) is not { } cut)
        {
            return false;
        }

        var gotOn = attempt.HasWritten;
        var rest =
            wait > TimeSpan.Zero ? wait
            : slotIsFree && CountFor(task, cut.Requires) < 2 ? Backoff(1)
            : TimeSpan.Zero;
        var interrupted = new TaskChange.Interrupted(attempt.Fence, Fences.Next(), error, rest, gotOn);
        task.Cut = cut with { WaitsUntil = cut.WaitsUntil + (long)(rest.TotalSeconds * Time.TimestampFrequency) };
        Change(task, interrupted, effects);
        Detach(attempt, slotIsFree, effects);
        KeepOrAvoid(attempt, error, rest, hasFailed: slotIsFree);
        QueueAgain(task, effects);
        return true;
    }

    /// <summary>A host that was to go on with an answer gives it anew: nobody has seen that, and another one is asked.</summary>
    public void StartsOver(Attempt attempt)
    {
        using var change = Begin();
        if (!attempt.IsOpen)
        {
            return;
        }

        var task = attempt.Task;
        if (task.WasSaidAgain)
        {
            task.StruckOut |= Continuations.Prefill; // A second one, and word for word: the model does not take it for its own.
        }

        task.WasSaidAgain = true;
        LogStartsOver(Logger, attempt.HostId, task.PublicId, attempt.Model);
        if (attempt.Host is { } host)
        {
            change.Effects.Cancel(attempt, host.Sink, "started_over");
            host.Disprove(attempt.Model, ModelInfo.Prefill, change.Effects);
        }

        var error = new TaskError(
            "started_over",
            $"the host {attempt.HostId} gave the answer anew instead of going on with it",
            Retryable: true
        );
        Lose(attempt, error, change.Effects);
    }

    // Who says an answer again compares it itself with what was shown.
    private static SeamGuard? GuardFor(LiveTask task, CutAnswer cut, Messages.Continue told) =>
        cut.Mode == Continuations.Prefill ? SeamGuard.For(told.Text, task.WasSaidAgain) : null;

    private CutAnswer? CutOf(Attempt attempt)
    {
        var task = attempt.Task;
        var row = task.Row;
        if (
            row.Continuations == Continuations.None
            || row.Validation is not null // Its answers are asked for anew, with what was wrong with them.
            || task.OnlyFallback
            || (CanGoBack(attempt, out var blindly) && !blindly)
        )
        {
            return null;
        }

        AnswerShape shape;
        lock (task.Log.Gate)
        {
            if (CutAnswer.EndsWithinCharacter(task.Log, attempt.FirstEvent))
            {
                return null;
            }

            shape = attempt.Shape;
        }

        var mayWait = row.LostOutput == LostOutput.Fail || (!blindly && CountFor(task, row.Requires) == 0);
        return Choose(
            task,
            new CutAnswer
            {
                FirstEvent = attempt.Cut?.FirstEvent ?? attempt.FirstEvent,
                Shape = shape,
                Digest = attempt.Cut is { Digest: var begun } && begun != attempt.Digest ? null : attempt.Digest, // No weights alone say it again.
            },
            mayWait
        );
    }

    // The best way for which a host is there; or the best of all, where waiting for a host is better than starting over or failing.
    private CutAnswer? Choose(LiveTask task, CutAnswer cut, bool mayWait)
    {
        CutAnswer? best = null;
        var allowed = task.Row.Continuations & ~task.StruckOut & cut.Shape.Allowed;
        foreach (var mode in (ReadOnlySpan<Continuations>)[Continuations.Prefill, Continuations.Replay])
        {
            if (!allowed.HasFlag(mode) || (mode == Continuations.Replay && cut.Digest is null))
            {
                continue;
            }

            var chosen = cut with
            {
                Mode = mode,
                Requires = CutAnswer.Widen(task.Row.Requires, mode, cut.Digest),
                WaitsUntil = Time.GetTimestamp() + (long)(CutAnswer.WaitsFor.TotalSeconds * Time.TimestampFrequency),
            };
            if (CountFor(task, chosen.Requires) > 0)
            {
                return chosen;
            }

            best ??= chosen;
        }

        return mayWait ? best : null;
    }

    /// <summary>Takes up after a restart that an answer was cut. The caller holds the lock.</summary>
    public void TakeUpCut(LiveTask task, Effects effects)
    {
        task.Cut = Choose(task, CutAnswer.Read(task.Log, task.Log.Count), mayWait: true);
        if (task.Cut is null)
        {
            StartOver(task, effects);
        }
        else
        {
            Await(task, effects);
        }
    }

    // The time is over in which a host was to be found.
    private void StopWaitingToContinue(LiveTask task, Effects effects)
    {
        Dispatcher.Dequeue(task);
        if (Choose(task, task.Cut!, mayWait: false) is { } next)
        {
            task.Cut = next; // Those that can are busy, or it is another way now.
            Await(task, effects);
        }
        else
        {
            StartOver(task, effects);
        }
    }

    private void StartOver(LiveTask task, Effects effects)
    {
        Wheel.Stop(task);
        var gone = new TaskError("host_lost", "its host was lost, and no other can go on with its answer", true);
        Change(task, new TaskChange.NotContinued(Fences.Next(), gone), effects);
        task.Cut = null;
        QueueAgain(task, effects);
    }

    private int CountFor(LiveTask task, Protocol.Api.TaskRequirements? requires) =>
        Dispatcher.CountFor(task.Row.Kind, task.Row.Model, requires) is var (workers, fallbacks)
            ? workers > 0
                ? workers
                : fallbacks
            : 0;

    // The whole answer, whoever wrote which part of it.
    private static List<TaskEvent> WholeAnswer(Attempt attempt, CutAnswer cut)
    {
        List<TaskEvent> events;
        lock (attempt.Task.Log.Gate)
        {
            events = attempt.Task.Log.Slice(cut.FirstEvent);
        }

        events.RemoveAll(static item => item.Type is not (TaskEventType.Delta or TaskEventType.Phase));
        return events;
    }

    // What others have written of it.
    private static List<TaskEvent> Written(Attempt attempt, CutAnswer cut)
    {
        lock (attempt.Task.Log.Gate)
        {
            return attempt.Task.Log.Slice(cut.FirstEvent, attempt.FirstEvent);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Host {HostId} gave the answer of {TaskId} anew instead of going on with it; until it connects again it is not asked to go on with answers of {Model}"
    )]
    private static partial void LogStartsOver(ILogger logger, string hostId, string taskId, string model);
}
