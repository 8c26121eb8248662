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
    /// <summary>Gives a task to a host. The caller holds the lock and has taken the task out of its queue.</summary>
    public void Give(LiveTask task, DispatchHost host, string model, Effects effects)
    {
        _hedgesSaved = Math.Min(MostSaved, _hedgesSaved + Options.HedgeShare);
        var fence = Fences.Next();
        if (task.Row.Stage != TaskStage.Interrupted)
        {
            task.Cut = null; // It begins, for the first time or over.
        }

        if (Change(task, new TaskChange.Claimed(fence, host.Id), effects) != TransitionOutcome.Applied)
        {
            return;
        }

        Wheel.Stop(task);
        task.RestsUntil = null;
        var attempt = new Attempt(this, task, host.Id, model, fence, task.Log.Count);
        Attach(attempt, host);
        attempt.Clock.Set(ClockPhase.Offered, host.AcceptWithin);
        if (task.Request is null || task.Row.ValidationAttempts > 0 || attempt.Cut is not null)
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
            attempt.Task.KeptFor = null;
            attempt.Task.Untaken = 0;
            attempt.Clock.Set(ClockPhase.Running, Hedge(attempt, attempt.Clock.Look().Next, change.Effects));
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
        if (attempt.IsHedge)
        {
            attempt.Host?.Suspend();
            CloseHedge(attempt, slotIsFree: true, change.Effects);
        }
        else if (code is "busy" or "draining")
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
        if (attempt.IsHedge)
        {
            CloseHedge(attempt, slotIsFree: true, change.Effects);
        }
        else
        {
            End(attempt, error, wait, change.Effects);
        }

        if (sink is not null)
        {
            change.Effects.Acknowledge(attempt, sink, attempt.NextSeq + 1);
        }
    }

    /// <summary>The host brought the result.</summary>
    public void Complete(Attempt attempt, List<TaskEvent> output, Messages.Finish finish)
    {
        var task = attempt.Task;
        if (attempt.Cut is { Mode: var mode } cut)
        {
            output = WholeAnswer(attempt, cut);
            finish =
                mode == Continuations.Prefill
                    ? finish with
                    {
                        Usage = ContinuedUsage.Of(finish.Usage, cut.Shape.Tokens),
                    }
                    : finish;
        }

        if (TryAssemble(attempt, output, finish) is not { } result)
        {
            return;
        }

        using var change = Begin();
        if (!attempt.IsOpen)
        {
            return;
        }

        Paces.Note(attempt, attempt.NextSeq);
        Rates.NoteDone(attempt, finish);
        Hosts.NoteAnswer(attempt, output, finish, change.Effects);
        task.Result = result;
        if (task.Row.Validation is not null)
        {
            Answered(attempt, finish, change.Effects);
            return;
        }

        var done = new TaskChange.Completed(
            attempt.Fence,
            finish.Usage?.GetRawText(),
            JsonSerializer.SerializeToUtf8Bytes(finish with { Usage = null }, EngineJson.Default.Finish)
        );
        if (Change(task, done, change.Effects) == TransitionOutcome.Applied)
        {
            Close(attempt, change.Effects);
        }
    }

    // The result; null: its output makes none, and the attempt has failed.
    private ReadOnlyMemory<byte>? TryAssemble(Attempt attempt, List<TaskEvent> output, Messages.Finish finish)
    {
        var task = attempt.Task;
        TaskError error;
        try
        {
            return Results.Assemble(task.Row, task.PublicId["task_".Length..], output, finish, attempt.EndBody());
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            LogBadAnswer(Logger, e, task.PublicId, attempt.HostId);
            error = new TaskError("bad_answer", "the host's output makes no answer", Retryable: true);
        }
        catch (IOException e)
        {
            error = Attempt.NotKept(e);
        }

        FailAttempt(attempt, error, default);
        return null;
    }

    // Its last frame is acknowledged when what it brought is kept.
    private void Close(Attempt attempt, Effects effects)
    {
        var task = attempt.Task;
        if (attempt.Host?.Sink is { } sink)
        {
            if (task.Row.Durability == Durability.Full)
            {
                task.Closing = (attempt, sink, task.Row.Version);
            }
            else
            {
                effects.Acknowledge(attempt, sink, attempt.NextSeq + 1);
            }
        }

        Detach(attempt, slotIsFree: true, effects);
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
        StopReview(task, change.Effects);
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
        if (attempt.IsHedge)
        {
            CloseHedge(attempt, slotIsFree: true, effects);
        }
        else if (!attempt.IsAccepted)
        {
            LeaveOffer(attempt, gone, resumable, effects);
        }
        else if (resumable)
        {
            var relaxed = attempt.Task.Row.Durability == Durability.Relaxed;
            var wait = relaxed ? Options.ResumeWithinInteractive : Options.ResumeWithin;
            WaitForHost(attempt);
            attempt.IsSpared = Losses.FreezeLeft > wait;
            attempt.Clock.Set(ClockPhase.Orphaned, attempt.IsSpared ? Losses.FreezeLeft : wait);
        }
        else
        {
            attempt.GoesOn = false;
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

        var goesOn = fence < 0; // It was given the beginning of an answer, which may be known to nobody else any more.
        if (task.Attempt is { } attempt && attempt.Fence == Math.Abs(fence))
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

        return lastAckedSeq == 0 && !goesOn ? Adopt(task, host, fence, effects) : null;
    }

    public void AttemptTimeReached(Attempt attempt)
    {
        using var change = Begin();
        if (!attempt.IsOpen)
        {
            FreeSlot(attempt, change.Effects);
            return;
        }

        if (attempt.IsHedge)
        {
            HedgeTimeReached(attempt, change.Effects);
            return;
        }

        switch (attempt.Clock.Phase)
        {
            case ClockPhase.Offered when attempt.Host is { } host && OfferStands(attempt, host) is { } left:
                attempt.Clock.Set(ClockPhase.Offered, left);
                break;
            case ClockPhase.Offered when attempt.Host is { } host:
                host.Suspend();
                change.Effects.Fenced(attempt, host.Sink);
                GiveBackUntaken(
                    attempt,
                    new TaskError("not_accepted", "the host did not take the offer in time", Retryable: true),
                    change.Effects
                );
                break;
            case ClockPhase.Offered:
                GiveBackUntaken(
                    attempt,
                    new TaskError("host_lost", $"the host {attempt.HostId} was lost", Retryable: true),
                    change.Effects
                );
                break;
            case ClockPhase.Orphaned
                when attempt is { Host: null, IsSpared: false } && Losses.FreezeLeft > TimeSpan.Zero:
                attempt.IsSpared = true; // It was among the first of very many that were lost.
                attempt.Clock.Set(ClockPhase.Orphaned, Losses.FreezeLeft);
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

    // The request is not held in memory, or is not the one to ask again with: it is read, or made, before it is offered.
    private async Task OfferLaterAsync(Attempt attempt)
    {
        var task = attempt.Task;
        var request = task.Request;
        ReadOnlyMemory<byte>? revised = null;
        try
        {
            // No token: whoever ends the attempt meanwhile closes it, and then nothing is offered.
            request ??= await Store.ReadBodyAsync(attempt.TaskId, BodyKind.Request, CancellationToken.None);
            if (request is { } first && task.Row.ValidationAttempts > 0)
            {
                revised = await RevisedAsync(task, first);
                request = revised is null ? null : request;
            }
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
            task.Request = request;
            attempt.Revised = revised;
            if (attempt.Cut is { } cut)
            {
                attempt.Continue = cut.Tell(Written(attempt, cut));
                attempt.Guard(GuardFor(task, cut, attempt.Continue));
            }

            attempt.OfferedAt = Time.GetTimestamp();
            attempt.Clock.Set(ClockPhase.Offered, host.AcceptWithin);
            change.Effects.Offer(attempt, host.Sink);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The output for {TaskId} from host {HostId} makes no answer")]
    private static partial void LogBadAnswer(ILogger logger, Exception exception, string taskId, string hostId);

    [LoggerMessage(Level = LogLevel.Error, Message = "The request of {TaskId} cannot be read from the store")]
    private static partial void LogUnreadable(ILogger logger, Exception exception, string taskId);
}
