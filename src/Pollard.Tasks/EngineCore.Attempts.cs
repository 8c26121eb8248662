using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Leases;
using Pollard.Tasks.Storage;

namespace Pollard.Tasks;

/// <summary>The life of an attempt: given, accepted, written to, and ended by its host, by its clock or by its client.</summary>
internal sealed partial class EngineCore
{
    private static readonly TimeSpan AvoidFor = TimeSpan.FromSeconds(5);

    /// <summary>Gives a task to a host. The caller holds the lock and has taken the task out of its queue.</summary>
    public void Give(LiveTask task, DispatchHost host, string model, Effects effects)
    {
        var fence = Fences.Next();
        if (Change(task, new TaskChange.Claimed(fence, host.Id), effects) != TransitionOutcome.Applied)
        {
            return;
        }

        Wheel.Stop(task);
        var attempt = new Attempt(this, task, host.Id, model, fence, task.Log.Count);
        Attach(attempt, host);
        attempt.Clock.Set(ClockPhase.Offered, Options.AcceptWithin);
        if (task.Request is null)
        {
            effects.Add(
                static (subject, core, number) =>
                {
                    _ = ((EngineCore)core!).OfferLaterAsync((Attempt)subject); // Catches all that can go wrong itself.
                },
                attempt,
                this
            );
        }
        else
        {
            effects.Offer(attempt, host.Sink);
        }
    }

    public void Accept(Attempt attempt)
    {
        using var change = Begin();
        if (attempt is { IsOpen: true, IsAccepted: false })
        {
            attempt.IsAccepted = true;
            attempt.Clock.Set(ClockPhase.Running, attempt.Clock.Look().Next);
        }
    }

    public void Refuse(Attempt attempt, string code, string reason)
    {
        using var change = Begin();
        if (!attempt.IsOpen)
        {
            return;
        }

        var error = new TaskError(code, reason, Retryable: true);
        if (code is "busy" or "draining")
        {
            attempt.Host?.Suspend(); // Else it would be offered the same at once, again and again.
            GiveBack(attempt, error, change.Effects);
        }
        else
        {
            End(attempt, error, TimeSpan.Zero, change.Effects);
        }
    }

    /// <summary>The host, or a rule, says that the attempt failed.</summary>
    public void FailAttempt(Attempt attempt, TaskError error, TimeSpan wait)
    {
        using var change = Begin();
        if (!attempt.IsOpen)
        {
            return;
        }

        var sink = attempt.Host?.Sink;
        End(attempt, error, wait, change.Effects);
        if (sink is not null)
        {
            change.Effects.Acknowledge(attempt, sink, attempt.NextSeq + 1);
        }
    }

    /// <summary>The host brought the result.</summary>
    public void Complete(Attempt attempt, List<TaskEvent> output, Messages.Finish finish)
    {
        var task = attempt.Task;
        ReadOnlyMemory<byte> result;
        try
        {
            result = Results.Assemble(task.Row, task.PublicId["task_".Length..], output, finish);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            LogBadAnswer(Logger, e, task.PublicId, attempt.HostId);
            FailAttempt(
                attempt,
                new TaskError("bad_answer", "the host's output makes no answer", Retryable: true),
                default
            );
            return;
        }

        using var change = Begin();
        if (!attempt.IsOpen)
        {
            return;
        }

        NotePace(attempt, output.Count);
        task.Result = result;
        var done = new TaskChange.Completed(
            attempt.Fence,
            finish.Usage?.GetRawText(),
            JsonSerializer.SerializeToUtf8Bytes(finish with { Usage = null }, EngineJson.Default.Finish)
        );
        if (Change(task, done, change.Effects) != TransitionOutcome.Applied)
        {
            return;
        }

        if (attempt.Host?.Sink is { } sink)
        {
            if (task.Row.Durability == Durability.Full)
            {
                task.Closing = (attempt, sink, task.Row.Version);
            }
            else
            {
                change.Effects.Acknowledge(attempt, sink, attempt.NextSeq + 1);
            }
        }

        Detach(attempt, slotIsFree: true, change.Effects);
    }

    public void Free(Attempt attempt)
    {
        using var change = Begin();
        if (!attempt.IsOpen)
        {
            FreeSlot(attempt, change.Effects);
        }
    }

    /// <summary>Ends a task by somebody's word; false when it had ended.</summary>
    public bool Cancel(LiveTask task, string reason)
    {
        using var change = Begin();
        var attempt = task.Attempt;
        if (Change(task, new TaskChange.Cancelled(Fences.Next(), reason), change.Effects) != TransitionOutcome.Applied)
        {
            return false;
        }

        Wheel.Stop(task);
        Dispatcher.Dequeue(task);
        if (attempt is not null)
        {
            Stop(attempt, reason, change.Effects);
        }

        return true;
    }

    /// <summary>The host that has the attempt is connected no more. The caller holds the lock.</summary>
    public void HostLeft(Attempt attempt, bool resumable, Effects effects)
    {
        if (!attempt.IsOpen)
        {
            FreeSlot(attempt, effects);
            return;
        }

        var gone = new TaskError("host_lost", $"the host {attempt.HostId} was lost", Retryable: true);
        attempt.Host!.Attempts.Remove(attempt);
        attempt.Host = null;
        if (!attempt.IsAccepted)
        {
            GiveBack(attempt, gone, effects);
        }
        else if (resumable)
        {
            var relaxed = attempt.Task.Row.Durability == Durability.Relaxed;
            var wait = relaxed ? Options.ResumeWithinInteractive : Options.ResumeWithin;
            attempt.Clock.Set(ClockPhase.Orphaned, Losses.FreezeLeft > wait ? Losses.FreezeLeft : wait);
        }
        else
        {
            Lose(attempt, gone, effects);
        }
    }

    /// <summary>A host that came back still has an attempt: it goes on, or is fenced (null). The caller holds the lock.</summary>
    public Attempt? Resume(DispatchHost host, string token, long lastAckedSeq, Effects effects)
    {
        if (!Tokens.TryRead(token, host.Id, out var id, out var fence) || !Live.TryGetValue(id, out var task))
        {
            return null;
        }

        if (task.Attempt is { } attempt && attempt.Fence == fence)
        {
            if (lastAckedSeq > attempt.NextSeq)
            {
                return null; // It forgot what we never got: it cannot go on. Its clock gives the task to another.
            }

            attempt.Host?.Attempts.Remove(attempt);
            attempt.Host = null;
            Reattach(attempt, host);
            return attempt;
        }

        return lastAckedSeq == 0 ? Adopt(task, host, fence, effects) : null;
    }

    public void AttemptTimeReached(Attempt attempt)
    {
        using var change = Begin();
        if (!attempt.IsOpen)
        {
            FreeSlot(attempt, change.Effects);
            return;
        }

        switch (attempt.Clock.Phase)
        {
            case ClockPhase.Offered when attempt.Host is { } host:
                host.Suspend();
                change.Effects.Fenced(attempt, host.Sink);
                GiveBack(
                    attempt,
                    new TaskError("not_accepted", "the host did not take the offer in time"),
                    change.Effects
                );
                break;
            case ClockPhase.Orphaned when attempt.Host is null:
                Lose(attempt, new TaskError("host_lost", $"the host {attempt.HostId} was lost", true), change.Effects);
                break;
            case ClockPhase.Running:
                LookAtClock(attempt, change.Effects);
                break;
            default:
                break; // The phase changed while the timer fired; the new phase has set it again.
        }
    }

    private void LookAtClock(Attempt attempt, Effects effects)
    {
        var (missed, next) = attempt.Clock.Look();
        if (attempt.TimeLeft <= TimeSpan.Zero)
        {
            Change(attempt.Task, new TaskChange.RunTimedOut(attempt.Fence, Fences.Next()), effects);
            Stop(attempt, "timeout", effects);
        }
        else if (missed is not null)
        {
            if (attempt.Host?.Sink is { } sink)
            {
                effects.Cancel(attempt, sink, missed.Code);
            }

            Lose(attempt, missed, effects);
        }
        else
        {
            attempt.Clock.Set(ClockPhase.Running, next);
        }
    }

    // The host is gone, or is to stop: what it has shown decides whether another may start over.
    private void Lose(Attempt attempt, TaskError error, Effects effects)
    {
        var task = attempt.Task;
        LetFallbackTry(task, error);
        Change(task, new TaskChange.Lost(attempt.Fence, Fences.Next(), error, HasShown(attempt)), effects);
        Detach(attempt, slotIsFree: false, effects);
        TryElsewhere(attempt, effects);
    }

    // The attempt failed by the host's own word: its slot is free.
    private void End(Attempt attempt, TaskError error, TimeSpan wait, Effects effects)
    {
        var task = attempt.Task;
        if (HasShown(attempt) && task.Row.LostOutput == LostOutput.Fail)
        {
            error = error with { Retryable = false };
        }

        LetFallbackTry(task, error);
        var (workers, fallbacks) = Dispatcher.CountFor(task.Row.Kind, task.Row.Model, task.Row.Requires);
        var elsewhere = workers + fallbacks > 1 || task.OnlyFallback;
        var delay =
            wait > TimeSpan.Zero ? wait
            : elsewhere ? TimeSpan.Zero
            : Backoff(task.Row.Attempt);
        Change(task, new TaskChange.Failed(attempt.Fence, Fences.Next(), error, delay), effects);
        Detach(attempt, slotIsFree: true, effects);
        TryElsewhere(attempt, effects);
    }

    // The try never began.
    private void GiveBack(Attempt attempt, TaskError why, Effects effects)
    {
        Change(attempt.Task, new TaskChange.Released(attempt.Fence, Fences.Next(), why), effects);
        Detach(attempt, slotIsFree: true, effects);
        TryElsewhere(attempt, effects);
    }

    private void TryElsewhere(Attempt attempt, Effects effects)
    {
        var task = attempt.Task;
        if (task.Row.State == TaskState.Pending)
        {
            task.AvoidHost = attempt.HostId;
            task.AvoidUntil = Time.GetUtcNow() + AvoidFor;
            Await(task, effects);
            if (task.QueuedIn is not null)
            {
                Wheel.Set(task, Least(AvoidFor, task.Row.QueueDeadline - Time.GetUtcNow()));
            }
        }
    }

    // The client's word or the clock's: the task has ended, the backend still runs.
    private void Stop(Attempt attempt, string reason, Effects effects)
    {
        if (attempt.Host?.Sink is { } sink)
        {
            effects.Cancel(attempt, sink, reason);
        }

        Detach(attempt, slotIsFree: false, effects);
    }

    private void Attach(Attempt attempt, DispatchHost host)
    {
        attempt.Task.Attempt = attempt;
        Dispatcher.Owner(attempt.Task.Row.Owner).Running++;
        attempt.Host = host;
        host.Attempts.Add(attempt);
        Dispatcher.Availability(host);
    }

    private static void Reattach(Attempt attempt, DispatchHost host)
    {
        attempt.Host = host;
        attempt.IsAccepted = true;
        host.Attempts.Add(attempt);
        Dispatcher.Availability(host);
        attempt.Clock.Set(ClockPhase.Running, attempt.Clock.Look().Next);
    }

    private void Detach(Attempt attempt, bool slotIsFree, Effects effects)
    {
        var task = attempt.Task;
        lock (task.Log.Gate)
        {
            attempt.IsOpen = false;
        }

        task.Attempt = null;
        var owner = Dispatcher.Owner(task.Row.Owner);
        owner.Running--;
        if (slotIsFree || attempt.Host is null)
        {
            FreeSlot(attempt, effects);
        }
        else
        {
            attempt.Clock.Set(ClockPhase.Held, Options.FreeWithin);
        }

        Dispatcher.OwnerFreed(owner, effects);
    }

    private void FreeSlot(Attempt attempt, Effects effects)
    {
        attempt.Clock.Stop();
        if (attempt.Host is { } host && host.Attempts.Remove(attempt))
        {
            Dispatcher.Availability(host);
            Dispatcher.Pump(host, effects);
        }
    }

    // The claim was not on disk when the gateway died, but the host has worked on it ever since, from its first word.
    private Attempt? Adopt(LiveTask task, DispatchHost host, long fence, Effects effects)
    {
        if (
            host.NameFor(task.Row.Kind, task.Row.Model, task.Row.Requires) is not { } model
            || Change(task, new TaskChange.Adopted(fence, host.Id), effects) != TransitionOutcome.Applied
        )
        {
            return null;
        }

        Wheel.Stop(task);
        Dispatcher.Dequeue(task);
        var attempt = new Attempt(this, task, host.Id, model, fence, task.Log.Count);
        task.Attempt = attempt;
        Dispatcher.Owner(task.Row.Owner).Running++;
        Reattach(attempt, host);
        return attempt;
    }

    private void LetFallbackTry(LiveTask task, TaskError error)
    {
        if (
            error.Retryable
            && !task.OnlyFallback
            && task.Row.Attempt >= task.Row.MaxAttempts
            && Dispatcher.CountFor(task.Row.Kind, task.Row.Model, task.Row.Requires) is { Workers: > 0, Fallbacks: > 0 }
        )
        {
            task.OnlyFallback = true;
            task.Row = TaskMachine.Apply(task.Row, new TaskChange.Extended(), Time.GetUtcNow()).Row;
        }
    }

    private static bool HasShown(Attempt attempt) => attempt is { Task.Row.Stream: true, NextSeq: > 0 };

    private TimeSpan Backoff(int attempt)
    {
        var most = Math.Min(
            Options.RetryDelay.TotalMilliseconds * Math.Pow(2, attempt - 1),
            Options.RetryDelayMost.TotalMilliseconds
        );
        return TimeSpan.FromMilliseconds(most * (0.5 + (Random.NextDouble() / 2)));
    }

    private void NotePace(Attempt attempt, int outputs)
    {
        if (attempt.FirstOutputAt == 0)
        {
            return;
        }

        var pace = PaceOf(attempt);
        pace.FirstTokenAfter(Time.GetElapsedTime(attempt.BeganAt, attempt.FirstOutputAt));
        if (outputs > 1)
        {
            pace.TokenEvery(Time.GetElapsedTime(attempt.FirstOutputAt, attempt.LastOutputAt) / (outputs - 1));
        }
    }

    // The request was not held in memory: it is read again before it is offered.
    private async Task OfferLaterAsync(Attempt attempt)
    {
        ReadOnlyMemory<byte>? request = null;
        try
        {
            // No token: whoever ends the attempt meanwhile closes it, and then nothing is offered.
            request = await Store.ReadBodyAsync(attempt.TaskId, BodyKind.Request, CancellationToken.None);
        }
        catch (StoreException e)
        {
            LogUnreadable(Logger, e, attempt.PublicTaskId);
        }

        if (request is null)
        {
            FailAttempt(attempt, new TaskError("request_lost", "the stored request cannot be read"), TimeSpan.Zero);
            return;
        }

        using var change = Begin();
        if (attempt is { IsOpen: true, Host: { } host })
        {
            attempt.Task.Request = request;
            attempt.Clock.Set(ClockPhase.Offered, Options.AcceptWithin);
            change.Effects.Offer(attempt, host.Sink);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The output for {TaskId} from host {HostId} makes no answer")]
    private static partial void LogBadAnswer(ILogger logger, Exception exception, string taskId, string hostId);

    [LoggerMessage(Level = LogLevel.Error, Message = "The request of {TaskId} cannot be read from the store")]
    private static partial void LogUnreadable(ILogger logger, Exception exception, string taskId);
}
