using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks;

/// <summary>
/// Takes up, at a start, what had not ended. Tasks that waited wait again. Tasks that ran keep their attempt for a while: their
/// hosts still work on them and come back with what the gateway lacks.
/// </summary>
internal static class Recovery
{
    private const int PageBytes = 1024 * 1024;

    public static async Task RunAsync(EngineCore core, CancellationToken ct)
    {
        var running = new List<LiveTask>();
        await foreach (var row in core.Store.ReadUnfinishedAsync(ct))
        {
            var goesOn = row.State == TaskState.Running || row.Stage == TaskStage.Interrupted;
            var task = new LiveTask(core, Shortened(core, row), goesOn ? 0 : row.EventCount)
            {
                StoredVersion = row.Version,
            };
            core.Live[task.Id] = task;
            if (goesOn)
            {
                running.Add(task);
            }
            else
            {
                using var change = core.Begin();
                core.Pending++;
                if (row is { Host: { } host, Stage: TaskStage.None, ValidationAttempts: 0 })
                {
                    core.KeepBlindly(task, host);
                }

                core.Await(task, change.Effects);
            }
        }

        foreach (var task in running)
        {
            await LoadEventsAsync(core, task, ct);
            if (task.Row.Stage == TaskStage.Validating)
            {
                JudgeAgain(core, task);
            }
            else if (task.Row.Stage == TaskStage.Interrupted)
            {
                using var change = core.Begin();
                core.Pending++;
                core.TakeUpCut(task, change.Effects);
            }
            else
            {
                Orphan(core, task);
            }
        }
    }

    // How long a task was to rest after a try is known by the wall clock only, which may have been set back since.
    private static TaskRow Shortened(EngineCore core, TaskRow row)
    {
        var latest = core.Time.GetUtcNow() + core.Options.RetryDelayMost;
        return row is { State: TaskState.Pending, StartedAt: not null } && row.RunAt > latest
            ? row with
            {
                RunAt = latest,
            }
            : row;
    }

    private static async Task LoadEventsAsync(EngineCore core, LiveTask task, CancellationToken ct)
    {
        while (await core.Store.ReadEventsAsync(task.Id, task.Log.Count, PageBytes, ct) is { Count: > 0 } page)
        {
            foreach (var item in page)
            {
                task.Log.Load(item);
            }
        }
    }

    // The host is done with it. The checks' own tasks are found again by their keys.
    private static void JudgeAgain(EngineCore core, LiveTask task)
    {
        using var change = core.Begin();
        core.Running++;
        core.Reviews.Begin(task, change.Effects);
    }

    private static void Orphan(EngineCore core, LiveTask task)
    {
        using var change = core.Begin();
        var first = task.Log.Count;
        var bytes = 0L;
        var (bodyBytes, isInFile) = (0L, false);
        while (first > 0 && task.Log[first - 1].Type is not (TaskEventType.Leased or TaskEventType.Continued))
        {
            first--;
            var piece = task.Log[first];
            var length =
                piece.Kind == DeltaKind.BodyElsewhere ? BodyPieces.BytesOf(piece.Data.Span) : piece.Data.Length;
            bytes += length;
            bodyBytes += piece.Kind is DeltaKind.Body or DeltaKind.BodyElsewhere ? length : 0;
            isInFile |= piece.Kind == DeltaKind.BodyElsewhere;
        }

        if (first > 0 && task.Log[first - 1] is { Type: TaskEventType.Continued, Data: var continued })
        {
            var data = JsonSerializer.Deserialize(continued.Span, EngineJson.Default.ContinuedData);
            task.Cut = CutAnswer.Read(task.Log, first) with { Mode = CutAnswer.ModeOf(data?.Mode) };
        }

        var attempt = new Attempt(core, task, task.Row.Host ?? "", task.Row.Model, task.Row.Fence, first)
        {
            IsAccepted = true,
        };
        attempt.Restore(task.Log.Count - first, bytes, CutAnswer.Read(task.Log, task.Log.Count).Shape);
        attempt.RestoreBody(bodyBytes, isInFile);
        task.Attempt = attempt;
        core.Running++;
        core.Dispatcher.Owner(task.Row.Owner).Running++;
        core.WaitForHost(attempt);
        attempt.Clock.Set(ClockPhase.Orphaned, core.Options.StartGrace);
    }
}
