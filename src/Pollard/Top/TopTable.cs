using System.Globalization;
using Pollard.Client;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Protocol.Api;

namespace Pollard.Top;

/// <summary>A line that can be chosen.</summary>
/// <param name="Id">What stays while the line moves.</param>
/// <param name="Task">The task that it is; null of other things.</param>
/// <param name="Cells">What it shows; a state is the first.</param>
/// <param name="About">All about it, line by line; null of a task, whose gateway is asked then.</param>
internal sealed record TopRow(
    string Id,
    TaskDocument? Task,
    IReadOnlyList<string> Cells,
    Func<IReadOnlyList<string>>? About = null
);

/// <summary>A column.</summary>
/// <param name="Name">Its head.</param>
/// <param name="Rank">Where there is no room for all, those of the highest rank go first.</param>
/// <param name="Widest">Columns of the terminal that it takes at the most.</param>
internal sealed record TopColumn(string Name, int Rank, int Widest = 40);

/// <summary>One of the panes: what it shows of the pool.</summary>
internal sealed record TopTable(IReadOnlyList<TopColumn> Columns, IReadOnlyList<TopRow> Rows)
{
    private const int FailuresShown = 5;

    private static readonly TopColumn[] OfTasks =
    [
        new("STATE", 0),
        new("ID", 1),
        new("MODEL", 3),
        new("AGE", 2),
        new("RAN", 5),
        new("TRY", 6),
        new("HOST", 4),
        new("WHAT", 7, 200),
    ];

    private static readonly TopColumn[] OfHosts =
    [
        new("STATE", 0),
        new("NAME", 1),
        new("BUSY", 2),
        new("LINK", 5),
        new("SEEN", 4),
        new("TIER", 6),
        new("MODELS", 3, 60),
        new("WHY NO WORK", 7, 120),
    ];

    private static readonly TopColumn[] OfModels =
    [
        new("MODEL", 0),
        new("HOSTS", 1),
        new("RUNNING", 2),
        new("WAITING", 3),
        new("TOKENS/S", 4),
        new("SERVED BY", 5, 120),
    ];

    /// <summary>What runs, what waits, and what failed of late.</summary>
    public static TopTable Now(PoolPicture pool, DateTimeOffset now) =>
        new(
            OfTasks,
            [
                .. pool
                    .Running.Concat(pool.Waiting)
                    .Concat(pool.Newest.Where(task => task.State is "failed" or "timeout").Take(FailuresShown))
                    .DistinctBy(task => task.Id, StringComparer.Ordinal)
                    .Select(task => Row(task, now, pool.Overview)),
            ]
        );

    /// <summary>The newest tasks.</summary>
    public static TopTable Tasks(PoolPicture pool, DateTimeOffset now) =>
        new(OfTasks, [.. pool.Newest.Select(task => Row(task, now, pool.Overview))]);

    /// <summary>The machines.</summary>
    public static TopTable Hosts(PoolPicture pool, DateTimeOffset now) =>
        new(OfHosts, [.. pool.Hosts.Select(host => Row(host, now))]);

    /// <summary>The models: who serves them, and what they have to do.</summary>
    public static TopTable Models(PoolPicture pool) =>
        new(OfModels, [.. pool.Models.Select(model => Row(model, pool))]);

    /// <summary>Only the rows in which a text stands.</summary>
    public TopTable Filtered(string filter) =>
        filter.Length == 0
            ? this
            : this with
            {
                Rows =
                [
                    .. Rows.Where(row =>
                        row.Cells.Any(cell => cell.Contains(filter, StringComparison.OrdinalIgnoreCase))
                    ),
                ],
            };

    private static TopRow Row(TaskDocument task, DateTimeOffset now, Overview? overview) =>
        new(
            task.Id,
            task,
            [
                task.State,
                Plain.OneLine(task.Id),
                Plain.OneLine(task.Model ?? task.Kind),
                Durations.Format(now - task.CreatedAt),
                task.StartedAt is { } started ? Durations.Format((task.EndedAt ?? now) - started) : "-",
                string.Create(CultureInfo.InvariantCulture, $"{task.Attempt}/{task.MaxAttempts}"),
                Plain.OneLine(task.Host ?? "-"),
                Plain.OneLine(What(task, overview)),
            ]
        );

    private static string What(TaskDocument task, Overview? overview)
    {
        if (task.NeedsInput == true)
        {
            return "needs your word";
        }

        if (task.Error is { } error)
        {
            return TaskPrinter.Describe(error);
        }

        if (
            overview?.Running.FirstOrDefault(one => string.Equals(one.Id, task.Id, StringComparison.Ordinal)) is { } run
        )
        {
            var share = run.Percent is { } part ? FormattableString.Invariant($"{part:0}% ") : "";
            return FormattableString.Invariant($"{share}{run.Tokens} tokens {run.Phase} {run.Text}");
        }

        var percent = task.Progress?.Percent is { } done ? FormattableString.Invariant($"{done:0}% ") : "";
        return percent + (task.Progress?.Message ?? task.Progress?.Phase ?? "");
    }

    private static TopRow Row(HostDocument host, DateTimeOffset now) =>
        new(
            host.Id,
            null,
            [
                host.State,
                Plain.OneLine(host.Name),
                string.Create(CultureInfo.InvariantCulture, $"{host.Running}/{host.Slots}"),
                host.Carrier ?? "-",
                host.SeenAt is { } seen ? Durations.Format(now - seen) + " ago" : "never",
                Commands.HostsCommand.Named(host.Tier),
                Plain.OneLine(string.Join(", ", host.Models.Select(model => model.Name))),
                Plain.OneLine(host.Reason ?? ""),
            ],
            () => TopDetails.Of(host, now)
        );

    private static TopRow Row(ServedModel model, PoolPicture pool)
    {
        HostDocument[] hosts =
        [
            .. pool.Hosts.Where(host =>
                host.Models.Any(one => string.Equals(one.Name, model.Id, StringComparison.Ordinal))
            ),
        ];
        var fastest = hosts
            .SelectMany(host => host.Rates ?? [])
            .Where(rate => string.Equals(rate.Model, model.Id, StringComparison.Ordinal))
            .Max(rate => rate.TokensPerSecond);
        return new(
            model.Id,
            null,
            [
                Plain.OneLine(model.Id),
                hosts.Length.ToString(CultureInfo.InvariantCulture),
                Count(pool.Running, model.Id),
                Waiting(pool, model.Id),
                fastest?.ToString("0.#", CultureInfo.InvariantCulture) ?? "-",
                Plain.OneLine(string.Join(", ", hosts.Select(host => host.Name))),
            ],
            () => TopDetails.Of(new(model.Id, model.OwnedBy, hosts))
        );
    }

    private static string Waiting(PoolPicture pool, string model)
    {
        if (pool.Overview is not { } overview)
        {
            return Count(pool.Waiting, model);
        }

        QueueOverview[] queues =
        [
            .. overview.Queues.Where(queue => string.Equals(queue.Model, model, StringComparison.Ordinal)),
        ];
        return queues.Length == 0
            ? "0"
            : FormattableString.Invariant(
                $"{queues.Sum(queue => queue.Depth)}, {Durations.Format(TimeSpan.FromSeconds(queues.Max(queue => queue.OldestWait)))}"
            );
    }

    private static string Count(IReadOnlyList<TaskDocument> tasks, string model)
    {
        var count = tasks.Count(task => string.Equals(task.Model, model, StringComparison.Ordinal));
        return FormattableString.Invariant($"{count}{(tasks.Count == PoolFeed.Most ? "+" : "")}"); // Of those that were listed.
    }
}
