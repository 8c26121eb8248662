using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;

namespace Pollard.Tasks;

/// <summary>The way in: a submission becomes a task, on disk first when it is durable, and then waits for a host.</summary>
internal sealed class Intake(EngineCore core)
{
    private static readonly TimeSpan IdempotencyLife = TimeSpan.FromDays(1);
    private static readonly TimeSpan CommitPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan WhenFull = TimeSpan.FromSeconds(5);

    public ValueTask<Submission> SubmitAsync(NewTask task, CancellationToken ct)
    {
        // hot: the relaxed way through here waits for nothing (bench: chat).
        ct.ThrowIfCancellationRequested(); // Later nothing is taken back: the client may ask by its idempotency key.
        if (Refusal(task, 1) is { } refused)
        {
            return new(refused);
        }

        var live = Create(task);
        return live.Row.Durability == Durability.Relaxed ? new(Admit(live)) : new(StoreFirstAsync(live));
    }

    public async ValueTask<IReadOnlyList<Submission>> SubmitAsync(IReadOnlyList<NewTask> tasks, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested(); // Later nothing is taken back: some may be on disk.
        if (tasks.Count > 0 && Refusal(tasks[0] with { Durability = Durability.Full }, tasks.Count) is { } refused)
        {
            return [.. tasks.Select(_ => refused)];
        }

        var live = tasks.Select(task => Create(task with { Durability = Durability.Full })).ToArray();
        var writes = live.Select(Build).ToArray();
        core.Store.Enqueue(writes);
        var answers = new List<Submission>(live.Length);
        for (var i = 0; i < live.Length; i++)
        {
            answers.Add(await StoredAsync(live[i], writes[i]));
        }

        return answers;
    }

    private Submission? Refusal(NewTask task, int count)
    {
        if (task.Durability == Durability.Full && core.Store.Health is { Writable: false } health)
        {
            return NotStored(health);
        }

        if (
            task.Durability == Durability.Relaxed
            && core.RequestBytes + task.Request.Length > core.Options.RequestMemoryBytes
        )
        {
            return new Submission(
                SubmitOutcome.QueueFull,
                null,
                $"{core.RequestBytes / (1024 * 1024)} MB of requests are under way already; try again later, or ask for the answer to be kept",
                WhenFull
            );
        }

        return core.Pending + count > core.Options.MaxPending
            ? new Submission(
                SubmitOutcome.QueueFull,
                null,
                $"{core.Pending} tasks wait already; try again later, or add hosts",
                WhenFull
            )
            : null;
    }

    private LiveTask Create(NewTask task)
    {
        var now = core.Time.GetUtcNow();
        var durability = task is { IdempotencyKey: null, Validation: null, Name: null }
            ? task.Durability
            : Durability.Full;
        var row = new TaskRow
        {
            Id = core.NewIds.Next(),
            Owner = task.Owner,
            Kind = task.Kind,
            Model = task.Model,
            Requires = task.Requires,
            Priority = Math.Clamp(task.Priority, -100, 100),
            MaxAttempts = Math.Clamp(task.MaxAttempts ?? core.Options.MaxAttempts, 1, 100),
            RunTimeout = task.RunTimeout ?? core.Options.RunTimeout,
            CreatedAt = now,
            RunAt = task.RunAt > now ? task.RunAt : null,
            QueueDeadline = now + task.QueueTimeout,
            Retention =
                task.Retention ?? (core.Options.RetentionByKind.TryGetValue(task.Kind, out var kept) ? kept : null),
            Durability = durability,
            LostOutput = task.LostOutput,
            Continuations = task.Continuations,
            Stream = task.Stream,
            Metadata = task.Metadata,
            Validation = task.Validation,
            Name = task.Name,
            Version = 1,
        };
        var live = new LiveTask(core, row, firstEvent: 0)
        {
            Request = task.Request,
            RequestBytes = task.Request.Length,
            Prefixes = task.Prefixes,
            Traceparent = TaskTrace.PassOn(task.Traceparent),
            Idempotency = task.IdempotencyKey is { } key
                ? new IdempotencyKey(key, Fingerprint(task), now + IdempotencyLife)
                : null,
        };
        EventLog.Submitted(live);
        live.Trace = TaskTrace.Begin(row, live.PublicId, task.Traceparent);
        lock (core.Gate)
        {
            core.Pending++;
        }

        // Before it is on disk: whoever finds it there by its idempotency key must meet this one and no copy.
        core.Live[live.Id] = live;
        return live;
    }

    private void Withdraw(LiveTask task)
    {
        lock (core.Gate)
        {
            core.Pending--;
        }

        core.Live.TryRemove(new(task.Id, task));
    }

    private static string Fingerprint(NewTask task)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{task.Kind}\n{task.Model}\n"));
        hash.AppendData(task.Request.Span);
        if (task.Validation is { } plan)
        {
            hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(plan, EngineJson.Default.ValidationPlan));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    // The task is accepted: it waits for a host from here on.
    private Submission Admit(LiveTask task)
    {
        using (var change = core.Begin())
        {
            lock (task.Log.Gate)
            {
                if (task.Row.Durability == Durability.Relaxed)
                {
                    task.Log.Show(task.Log.Count, final: false);
                }
            }

            core.Activity.Submitted(task);
            if (task.Row.State == TaskState.Pending) // Else somebody who found it has cancelled it already.
            {
                core.Await(task, change.Effects);
                core.HoldRequest(task);
            }
        }

        TaskMetrics.Submitted(task.Row);
        return new Submission(SubmitOutcome.Accepted, new TaskHandle(task));
    }

    private static StoreWrite Build(LiveTask task)
    {
        lock (task.Log.Gate)
        {
            return TaskSaver.Build(task);
        }
    }

    private Task<Submission> StoreFirstAsync(LiveTask task)
    {
        var write = Build(task);
        core.Store.Enqueue(write);
        return StoredAsync(task, write);
    }

    private async Task<Submission> StoredAsync(LiveTask task, StoreWrite write)
    {
        switch (await core.Saver.FinishAsync(task, write, task.Log.Count))
        {
            case StoreOutcome.Committed:
                return Admit(task);
            case StoreOutcome.Duplicate when write.Existing is { } existing:
                Withdraw(task);
                return existing.Fingerprint != write.Idempotency!.Fingerprint
                        ? new Submission(
                            SubmitOutcome.IdempotencyConflict,
                            null,
                            "the idempotency key was used with another request"
                        )
                    : await ExistingAsync(existing.Id) is { } known ? new Submission(SubmitOutcome.Existing, known)
                    : NotStored(core.Store.Health);
            default:
                Withdraw(task);
                return NotStored(core.Store.Health);
        }
    }

    private static Submission NotStored(StoreHealth health) =>
        new(SubmitOutcome.NotStored, null, health.Reason ?? "the store did not take the task; try again", WhenFull)
        {
            Fault = health.Fault ?? StoreFault.ReadOnly, // It may have recovered meanwhile.
        };

    // The store has it, so it exists; who submitted it may not have heard so yet, and until then nobody can find it. No token:
    // the client's request is done with.
    private async Task<TaskHandle?> ExistingAsync(TaskId id)
    {
        if (await core.FindAsync(id, CancellationToken.None) is not { } task)
        {
            return null; // Deleted at this very moment.
        }

        await new TaskEventReader(task, after: -1).WaitAsync(CommitPatience, CancellationToken.None);
        return task.IsAcknowledged ? new TaskHandle(task) : null;
    }
}
