using System.Diagnostics;

namespace Pollard.Tasks;

/// <summary>
/// The spans of a task, where somebody listens: one from its submission to its end, and one for each try by a host, which the host's own
/// is below. They live in memory: a task that outlives a restart has none from there on. Called under the engine's lock.
/// </summary>
internal sealed class TaskTrace
{
    /// <summary>The name of the source.</summary>
    public const string Name = "Pollard.Tasks";

    private const string NoParent = "0000000000000000";
    private static readonly ActivitySource Source = new(Name);

    [ThreadStatic]
    private static ActivityTraceId? _begins;

    private readonly Activity _task;
    private Activity? _attempt;

    private TaskTrace(Activity task) => _task = task;

    // A trace that begins here has the id that the client is told and that stands in the log.
    static TaskTrace() => Activity.TraceIdGenerator = static () => _begins ?? ActivityTraceId.CreateRandom();

    /// <summary>The trace context of the try that runs, or of the task.</summary>
    public string Traceparent => (_attempt ?? _task).Id!;

    /// <summary>Begins the task's span. Null where nobody listens, or the trace is not sampled.</summary>
    /// <param name="row">The task.</param>
    /// <param name="publicId">Its id as clients see it.</param>
    /// <param name="traceparent">The client's trace context; without a parent, the trace that begins with the task; null: any.</param>
    public static TaskTrace? Begin(TaskRow row, string publicId, string? traceparent)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        _ = ActivityContext.TryParse(
            IsRoot(traceparent) ? null : traceparent,
            traceState: null,
            isRemote: true,
            out var parent
        );
        _begins = IsRoot(traceparent) ? ActivityTraceId.CreateFromString(traceparent.AsSpan(3, 32)) : null;
        var before = Activity.Current;
        try
        {
            Activity.Current = null; // Else what runs around it would be its parent.
            var task = Source.StartActivity(NameOf(row), ActivityKind.Server, parent);
            if (task is not { Recorded: true })
            {
                task?.Dispose(); // Made only to carry its id on, which ours does by itself.
                return null;
            }

            task.SetTag("pollard.task.id", publicId).SetTag("pollard.task.kind", row.Kind);
            Describe(task, row);
            return new TaskTrace(task);
        }
        finally
        {
            _begins = null;
            Activity.Current = before;
        }
    }

    /// <summary>The trace context that goes on to hosts where nobody listens: a parent that is none is no valid one.</summary>
    public static string? PassOn(string? traceparent) =>
        IsRoot(traceparent)
            ? string.Concat(
                traceparent.AsSpan(0, 36),
                ActivitySpanId.CreateRandom().ToHexString(),
                traceparent.AsSpan(52)
            )
            : traceparent;

    /// <summary>Something happened to the task.</summary>
    public void Changed(TaskChange change, TaskRow after)
    {
        var before = Activity.Current;
        if (TaskMetrics.OutcomeOf(change) is { } outcome)
        {
            EndAttempt(outcome, after);
        }

        if (change is TaskChange.Claimed or TaskChange.Adopted or TaskChange.Overtaken)
        {
            _attempt = Source.StartActivity("attempt", ActivityKind.Internal, _task.Context);
            _attempt?.SetTag("pollard.host.id", after.Host).SetTag("pollard.attempt.number", after.Attempt);
        }

        if (after.IsFinal)
        {
            EndAttempt("ended", after);
            EndTask(after);
        }

        Activity.Current = before; // Starting and stopping change it.
    }

    /// <summary>Counts as a part of the task's span, so that the figure leads to it.</summary>
    public void Within(Action<TaskRow> count, TaskRow row)
    {
        var before = Activity.Current;
        Activity.Current = _task;
        count(row);
        Activity.Current = before;
    }

    private void EndAttempt(string outcome, TaskRow after)
    {
        if (_attempt is null)
        {
            return;
        }

        _attempt.SetTag("pollard.attempt.outcome", outcome);
        if (outcome is "failed" or "lost" or "timed_out" or "interrupted")
        {
            _attempt.SetStatus(ActivityStatusCode.Error, after.Error?.Message);
            _attempt.SetTag("error.type", after.Error?.Code ?? outcome);
        }

        _attempt.Stop();
        _attempt = null;
    }

    private void EndTask(TaskRow after)
    {
        _task.SetTag("pollard.task.state", TaskMetrics.WordOf(after.State));
        _task.SetTag("pollard.task.attempts", after.Attempt);
        var tokens = TokenCounts.Of(after.Usage);
        _task.SetTag("gen_ai.usage.input_tokens", tokens.Input); // Null sets none.
        _task.SetTag("gen_ai.usage.output_tokens", tokens.Output);
        if (after.State != TaskState.Completed)
        {
            _task.SetStatus(ActivityStatusCode.Error, after.Error?.Message);
            _task.SetTag("error.type", after.Error?.Code ?? TaskMetrics.WordOf(after.State));
        }

        _task.Stop();
    }

    private static void Describe(Activity task, TaskRow row)
    {
        if (TaskMetrics.OperationOf(row.Kind) is { } operation)
        {
            task.SetTag("gen_ai.operation.name", operation).SetTag("gen_ai.provider.name", "pollard");
            task.SetTag("gen_ai.request.model", row.Model);
        }
    }

    private static string NameOf(TaskRow row) =>
        row.Model.Length > 0
            ? $"{TaskMetrics.OperationOf(row.Kind) ?? row.Kind} {row.Model}"
            : TaskMetrics.OperationOf(row.Kind) ?? row.Kind;

    private static bool IsRoot(string? traceparent) =>
        traceparent is { Length: 55 } && traceparent.AsSpan(36, 16) is NoParent;
}
