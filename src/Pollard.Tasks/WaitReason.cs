using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks;

/// <summary>Why a task waits.</summary>
/// <param name="Summary">The reason in one sentence.</param>
/// <param name="Position">How many tasks for the same work come first; null when it does not wait for a host.</param>
/// <param name="Estimate">How long it will probably still wait, see <see cref="WaitEstimate"/>; null when that is not known.</param>
/// <param name="Hosts">What stands for and against each host.</param>
public sealed record WhyReport(string Summary, int? Position, TimeSpan? Estimate, IReadOnlyList<WhyHostReport> Hosts);

/// <summary>One host's part of the answer.</summary>
/// <param name="Host">Its name.</param>
/// <param name="Can">True when it could run the task, now or when it is free.</param>
/// <param name="Reason">Why it does not run it now.</param>
/// <param name="QuarantinedAt">Since when it is quarantined; null: it is not.</param>
public sealed record WhyHostReport(string Host, bool Can, string Reason, DateTimeOffset? QuarantinedAt = null);

/// <summary>Explains a task that waits.</summary>
internal static class WaitReason
{
    public static WhyReport Explain(EngineCore core, LiveTask task)
    {
        using var change = core.Begin();
        var row = task.Row;
        if (row.State != TaskState.Pending || row.Stage == TaskStage.InputNeeded)
        {
            return new WhyReport(
                row.IsFinal ? $"it has ended: {Name(row.State)}"
                    : row.Stage == TaskStage.InputNeeded
                        ? "a person is to say what becomes of it: no answer passed its checks"
                    : row.Stage == TaskStage.Validating ? "its answer is being checked"
                    : $"it runs on the host {row.Host}",
                Position: null,
                Estimate: null,
                []
            );
        }

        var hosts = core.Dispatcher.Hosts.Values.Select(host => About(host, task)).ToList();
        var position = task.QueuedIn?.Queue.PositionOf(task);
        var summary =
            row.RunAt is { } at && task.QueuedIn is null
                ? $"it is not to be started before {at.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC"
            : task.KeptFor is { } begun && task.QueuedIn is null
                ? $"it waits up to {Math.Ceiling(task.KeptLeft.TotalSeconds):0} s for the host {begun}, which has begun it and can go on with it"
            : row.Stage == TaskStage.Interrupted
                ? $"its host was lost amid the answer; it waits up to {Math.Ceiling(task.CutLeft.TotalSeconds):0} s for a host that can go on with it"
            : hosts.TrueForAll(static host => !host.Can)
            && core.Dispatcher.IsDrained(row.Kind, row.Model, task.Requires)
                ? $"every host that has the model \"{row.Model}\" is being drained, rests or is quarantined (pollard hosts list says which); resume or release one, or let an upstream list the model"
            : row.Requires is { } requires
            && Obstacle.Find([.. core.Dispatcher.Hosts.Values], row.Kind, row.Model, requires) is { } obstacle
                ? obstacle.Message
            : hosts.TrueForAll(static host => !host.Can)
                ? $"no connected host can run {row.Kind} with the model \"{row.Model}\"; start an agent that has it, or set an upstream"
            : !core.Dispatcher.Owner(row.Owner).MayRun ? "its key runs as many tasks at the same time as it may"
            : task.QueuedIn is { } work && core.Dispatcher.Hosts.Values.Any(host => host.IsFree && IsHeld(work, host))
                ? "it waits for a host that has the model in memory, which will be free sooner than another could load it"
            : position > 0 ? $"{position} tasks of the same kind come first"
            : "every host that can run it is busy";
        return new WhyReport(summary, position, WaitEstimate.Of(core, task), hosts);
    }

    private static WhyHostReport About(DispatchHost host, LiveTask task)
    {
        var row = task.Row;
        var objection =
            host.Objection(row.Kind, row.Model, task.Requires)
            ?? (
                task.QueuedIn is { Workers: 0 } work && !work.IsFor(host)
                    ? $"does not list the model {row.Model}, which a host that is being drained has"
                    : null
            );
        var reason =
            objection
            ?? (
                host.IsFree && task.QueuedIn is { } queue && IsHeld(queue, host)
                    ? "is free, but would have to load the model in place of another"
                : host.IsFree ? "is free"
                : host.Attempts.Count >= host.Slots ? $"is busy: {host.Attempts.Count} of {host.Slots} slots are taken"
                : "does not answer at the moment"
            );
        return new WhyHostReport(host.Description.Name, objection is null, reason, host.QuarantinedAt);
    }

    // It could take such work, and does not, for the sake of the model that it has in memory.
    private static bool IsHeld(WorkClass work, DispatchHost host) =>
        host.Classes.ContainsKey(work) && HostChoice.WaitForLoaded(work, host) > TimeSpan.Zero;

    private static string Name(TaskState state) =>
        state switch
        {
            TaskState.Completed => "completed",
            TaskState.Failed => "failed",
            TaskState.Timeout => "timeout",
            _ => "cancelled",
        };
}
