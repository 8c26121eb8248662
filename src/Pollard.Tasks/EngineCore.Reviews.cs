using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;
using Pollard.Tasks.Validation;

namespace Pollard.Tasks;

/// <summary>The way of an answer that must pass checks: judged when it is on disk, taken, or asked for again.</summary>
internal sealed partial class EngineCore
{
    private const int PageBytes = 1024 * 1024;

    /// <summary>The checks have spoken.</summary>
    public void Judged(LiveTask task, long fence, ReviewLog log, IReadOnlyList<Verdict> verdicts)
    {
        using var change = Begin();
        if (task.Row is not { Stage: TaskStage.Validating, Validation: { } plan } row || row.Fence != fence)
        {
            return;
        }

        task.Reviewing = null;
        var judgement = new Judgement(
            row.ValidationAttempts,
            row.ValidationBase + plan.MaxAttempts,
            verdicts.All(static verdict => verdict.Valid),
            verdicts
        );
        if (judgement.Valid)
        {
            Take(task, log);
            Change(task, new TaskChange.Passed(fence, FinishOf(log), judgement), change.Effects);
            if (plan.Breaker is { } breaker)
            {
                Breakers.Succeeded(row.Model, breaker);
            }

            return;
        }

        task.Result = null;
        NoteFailure(task);
        var rest = ReviewRules.Backoff(row, plan, Random.NextDouble());
        Change(task, new TaskChange.Rejected(fence, Fences.Next(), judgement, rest), change.Effects);
        if (task.Row.State == TaskState.Pending)
        {
            Await(task, change.Effects);
        }
    }

    /// <summary>The checks could not be made.</summary>
    public void NotJudged(LiveTask task, long fence, string reason)
    {
        using var change = Begin();
        if (task.Row is { Stage: TaskStage.Validating } row && row.Fence == fence)
        {
            task.Reviewing = null;
            var error = new TaskError("check_failed", $"the answer could not be judged: {reason}", Retryable: true);
            Change(task, new TaskChange.NotJudged(fence, Fences.Next(), error), change.Effects);
        }
    }

    /// <summary>A person says what becomes of a task that needs input; false when it needs none.</summary>
    public bool Hear(LiveTask task, TaskInput input, ReviewLog log)
    {
        using var change = Begin();
        if (task.Row.Stage != TaskStage.InputNeeded)
        {
            return false;
        }

        var finish = ReadOnlyMemory<byte>.Empty;
        if (input.Action == InputAction.Accept)
        {
            Take(task, log);
            finish = FinishOf(log);
        }

        Wheel.Stop(task);
        if (
            Change(task, new TaskChange.InputGiven(Fences.Next(), input, finish), change.Effects)
            != TransitionOutcome.Applied
        )
        {
            return false;
        }

        if (task.Row.State == TaskState.Pending)
        {
            Await(task, change.Effects);
        }

        return true;
    }

    /// <summary>All events of a task, from memory and from the store.</summary>
    public async ValueTask<List<TaskEvent>> ReadLogAsync(LiveTask task, CancellationToken ct)
    {
        var events = new List<TaskEvent>();
        while (events.Count < task.Log.First)
        {
            var page = await Store.ReadEventsAsync(task.Id, events.Count, PageBytes, ct);
            if (page.Count == 0)
            {
                break; // Damage, which doctor tells of.
            }

            events.AddRange(page);
        }

        lock (task.Log.Gate)
        {
            events.RemoveRange(Math.Min(task.Log.First, events.Count), Math.Max(0, events.Count - task.Log.First));
            events.AddRange(task.Log.Slice(task.Log.First));
        }

        return events;
    }

    // The host has answered, and that is all it is to do.
    private void Answered(Attempt attempt, Messages.Finish finish, Effects effects)
    {
        var answered = new TaskChange.Answered(
            attempt.Fence,
            Fences.Next(),
            finish.Usage?.GetRawText(),
            JsonSerializer.SerializeToUtf8Bytes(finish with { Usage = null }, EngineJson.Default.Finish)
        );
        if (Change(attempt.Task, answered, effects) == TransitionOutcome.Applied)
        {
            Close(attempt, effects);
        }
    }

    private void Take(LiveTask task, ReviewLog log) =>
        task.Result ??= Results.Assemble(
            task.Row,
            task.PublicId["task_".Length..],
            log.Output,
            log.Finish ?? new Messages.Finish(),
            body: null
        );

    private static ReadOnlyMemory<byte> FinishOf(ReviewLog log) =>
        JsonSerializer.SerializeToUtf8Bytes(log.Finish ?? new Messages.Finish(), EngineJson.Default.Finish);

    // A task that asked to be spared a failing model is told at once, and does not wait for it.
    private bool IsSpared(LiveTask task, Effects effects)
    {
        if (
            task.Row is not { Validation.Breaker: { } breaker } row
            || Breakers.OpenFor(row.Model, breaker) is not { } left
        )
        {
            return false;
        }

        var error = new TaskError(
            "circuit_open",
            $"the model \"{row.Model}\" failed {breaker.FailureThreshold} times of late; try again later",
            Retryable: true,
            RetryAfterSeconds: Math.Ceiling(left.TotalSeconds)
        );
        return Change(task, new TaskChange.Spared(error), effects) == TransitionOutcome.Applied;
    }

    private static void StopReview(LiveTask task, Effects effects)
    {
        if (task.Reviewing is { } stop)
        {
            task.Reviewing = null;
            effects.Add(static (subject, _, _) => Stop((CancellationTokenSource)subject), stop);
        }

        static void Stop(CancellationTokenSource stop)
        {
            try
            {
                stop.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The judging ended by itself at this moment.
            }
        }
    }

    private void NoteFailure(LiveTask task)
    {
        if (task.Row is { Validation.Breaker: { } breaker } row)
        {
            Breakers.Failed(row.Model, breaker);
        }
    }

    // What the client asked, with the answers that did not pass.
    private async ValueTask<ReadOnlyMemory<byte>?> RevisedAsync(LiveTask task, ReadOnlyMemory<byte> request)
    {
        try
        {
            var log = ReviewLog.Of(await ReadLogAsync(task, CancellationToken.None)); // See the caller.
            return Reviews.Revise(task.Row, request, log);
        }
        catch (Exception e) when (e is JsonException or StoreException or InvalidOperationException)
        {
            LogNotRevised(Logger, e, task.PublicId);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The request of {TaskId} cannot be made from its log")]
    private static partial void LogNotRevised(ILogger logger, Exception exception, string taskId);
}
