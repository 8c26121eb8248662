using System.Diagnostics;
using System.Diagnostics.Metrics;
using Pollard.Tasks.Watching;

namespace Pollard.Tasks;

/// <summary>
/// What is measured of tasks. A model is an attribute once a host had a task for it: before that it is any word of a client's.
/// The names of <c>gen_ai.*</c>, their attributes and buckets are OpenTelemetry's conventions for generative AI.
/// </summary>
internal static class TaskMetrics
{
    /// <summary>The name of the engine's meters.</summary>
    public const string Name = "Pollard.Tasks";

    private static readonly Meter Meter = new(Name);

    // Minutes to hours: the conventions' buckets end where our work begins.
    private static readonly InstrumentAdvice<double> Long = new()
    {
        HistogramBucketBoundaries =
        [
            0.01,
            0.05,
            0.1,
            0.5,
            1,
            2.5,
            5,
            10,
            30,
            60,
            120,
            300,
            600,
            1_800,
            3_600,
            7_200,
            14_400,
            43_200,
            86_400,
        ],
    };

    private static readonly Counter<long> SubmittedTasks = Meter.CreateCounter<long>(
        "pollard.task.submitted",
        "{task}",
        "Tasks that were taken."
    );

    private static readonly Histogram<double> QueueWait = Meter.CreateHistogram(
        "pollard.task.queue_wait",
        "s",
        "From a task's submission, or the moment that it was to begin, to its first host.",
        tags: null,
        Long
    );

    private static readonly Histogram<double> Duration = Meter.CreateHistogram(
        "pollard.task.duration",
        "s",
        "From a task's submission to its end.",
        tags: null,
        Long
    );

    private static readonly Counter<long> Attempts = Meter.CreateCounter<long>(
        "pollard.attempt.ended",
        "{attempt}",
        "Hosts' tries at tasks that are over: completed, failed, lost (the host is gone or stood still), interrupted (another host goes on with it), released (given back unbegun), timed_out, overtaken (a second host was faster), cancelled."
    );

    private static readonly Histogram<double> Request = Meter.CreateHistogram(
        "gen_ai.server.request.duration",
        "s",
        "From a request to a model to its end.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries =
            [
                0.01,
                0.02,
                0.04,
                0.08,
                0.16,
                0.32,
                0.64,
                1.28,
                2.56,
                5.12,
                10.24,
                20.48,
                40.96,
                81.92,
            ],
        }
    );

    private static readonly Histogram<double> FirstToken = Meter.CreateHistogram(
        "gen_ai.server.time_to_first_token",
        "s",
        "From a request to a model to the first of its answer, the wait for a host included.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries =
            [
                0.001,
                0.005,
                0.01,
                0.02,
                0.04,
                0.06,
                0.08,
                0.1,
                0.25,
                0.5,
                0.75,
                1,
                2.5,
                5,
                7.5,
                10,
            ],
        }
    );

    private static readonly Histogram<long> Tokens = Meter.CreateHistogram(
        "gen_ai.client.token.usage",
        "{token}",
        "Tokens of requests and of answers, as hosts say.",
        tags: null,
        new InstrumentAdvice<long>
        {
            HistogramBucketBoundaries =
            [
                1,
                4,
                16,
                64,
                256,
                1_024,
                4_096,
                16_384,
                65_536,
                262_144,
                1_048_576,
                4_194_304,
                16_777_216,
                67_108_864,
            ],
        }
    );

    /// <summary>Shows how many tasks there are, each time that it is asked, until what comes back is disposed.</summary>
    public static IDisposable Watch(EngineCore core)
    {
        var meter = new Meter(Name);
        meter.CreateObservableGauge(
            "pollard.tasks",
            () =>
                new[]
                {
                    new Measurement<int>(core.Pending, new KeyValuePair<string, object?>("state", "pending")),
                    new Measurement<int>(core.Running, new KeyValuePair<string, object?>("state", "running")),
                },
            "{task}",
            "Tasks that have not ended."
        );
        meter.CreateObservableGauge(
            "pollard.queue.depth",
            () => core.Activity.Queues().Select(static queue => new Measurement<int>(queue.Depth, Of(queue))),
            "{task}",
            "Tasks that are ready and wait for a host."
        );
        meter.CreateObservableGauge(
            "pollard.queue.unserved",
            () =>
                core
                    .Activity.Queues()
                    .Select(static queue => new Measurement<double>(queue.Unserved.TotalSeconds, Of(queue))),
            "s",
            "For how long tasks have waited and none of them was given to a host."
        );
        meter.CreateObservableGauge(
            "pollard.store.backlog",
            () => core.Store.Backlog,
            "{write}",
            "Writes that wait for a commit."
        );
        meter.CreateObservableGauge(
            "pollard.store.writable",
            () => core.Store.Health.Writable ? 1 : 0,
            "1",
            "1 while the store takes writes, else 0."
        );
        return meter;
    }

    /// <summary>A task was taken.</summary>
    public static void Submitted(TaskRow row) =>
        SubmittedTasks.Add(1, new KeyValuePair<string, object?>("kind", row.Kind));

    /// <summary>Something happened to a task.</summary>
    /// <param name="before">How it was.</param>
    /// <param name="change">What happened.</param>
    /// <param name="after">How it is.</param>
    /// <param name="now">When.</param>
    /// <param name="trace">Its spans; null: there are none.</param>
    public static void Changed(TaskRow before, TaskChange change, TaskRow after, DateTimeOffset now, TaskTrace? trace)
    {
        if (change is TaskChange.Claimed && before.StartedAt is null)
        {
            var due = before.RunAt > before.CreatedAt ? before.RunAt.Value : before.CreatedAt;
            QueueWait.Record((now - due).TotalSeconds, Of(after));
        }

        if (before.State == TaskState.Running && OutcomeOf(change) is { } outcome)
        {
            Attempts.Add(1, new("kind", after.Kind), new("outcome", outcome));
        }

        if (after.IsFinal && !before.IsFinal)
        {
            if (trace is null)
            {
                Ended(after);
            }
            else
            {
                trace.Within(Ended, after);
            }
        }
    }

    /// <summary>The first of a task's answer came.</summary>
    public static void FirstOutput(TaskRow row, DateTimeOffset now)
    {
        if (OperationOf(row.Kind) is { } operation)
        {
            FirstToken.Record((now - row.CreatedAt).TotalSeconds, Of(row, operation));
        }
    }

    private static void Ended(TaskRow row)
    {
        var took = ((row.EndedAt ?? row.CreatedAt) - row.CreatedAt).TotalSeconds;
        var tags = Of(row);
        tags.Add("state", WordOf(row.State));
        Duration.Record(took, tags);
        if (OperationOf(row.Kind) is not { } operation)
        {
            return;
        }

        var request = Of(row, operation);
        Count(row, request);
        if (row.State != TaskState.Completed)
        {
            request.Add("error.type", WordOf(row.State));
        }

        Request.Record(took, request);
    }

    private static void Count(TaskRow row, TagList tags)
    {
        if (Tokens.Enabled)
        {
            var counts = TokenCounts.Of(row.Usage);
            Count(counts.Input, "input", tags);
            Count(counts.Output, "output", tags);
        }
    }

    private static void Count(long? tokens, string type, TagList tags)
    {
        if (tokens is { } count)
        {
            tags.Add("gen_ai.token.type", type); // The caller keeps its own: the list is a value.
            Tokens.Record(count, tags);
        }
    }

    private static TagList Of(QueueFigures queue) => new() { { "kind", queue.Kind }, { "model", queue.Model } };

    private static TagList Of(TaskRow row)
    {
        var tags = new TagList { { "kind", row.Kind } };
        if (row.StartedAt is not null)
        {
            tags.Add("model", row.Model);
        }

        return tags;
    }

    private static TagList Of(TaskRow row, string operation)
    {
        var tags = new TagList { { "gen_ai.operation.name", operation }, { "gen_ai.provider.name", "pollard" } };
        if (row.StartedAt is not null)
        {
            tags.Add("gen_ai.request.model", row.Model);
        }

        return tags;
    }

    /// <summary>A final state, as a word.</summary>
    public static string WordOf(TaskState state) =>
        state switch
        {
            TaskState.Completed => "completed",
            TaskState.Failed => "failed",
            TaskState.Timeout => "timeout",
            _ => "cancelled",
        };

    /// <summary>The conventions' word for a kind of work; null: they have none.</summary>
    public static string? OperationOf(string kind) =>
        kind switch
        {
            "chat" => "chat",
            "completion" => "text_completion",
            "embedding" => "embeddings",
            _ => null,
        };

    /// <summary>What became of the try that ran; null: it goes on, or there is none.</summary>
    public static string? OutcomeOf(TaskChange change) =>
        change switch
        {
            TaskChange.Completed or TaskChange.Answered => "completed",
            TaskChange.Failed => "failed",
            TaskChange.Lost => "lost",
            TaskChange.Interrupted => "interrupted",
            TaskChange.Released => "released",
            TaskChange.RunTimedOut => "timed_out",
            TaskChange.Overtaken => "overtaken",
            TaskChange.Cancelled => "cancelled",
            _ => null,
        };
}
