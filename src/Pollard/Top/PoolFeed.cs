using System.Net;
using Pollard.Client;
using Pollard.Output;
using Pollard.Protocol.Api;

namespace Pollard.Top;

/// <summary>What the gateway said last.</summary>
/// <param name="Running">Tasks that run, the newest first.</param>
/// <param name="Waiting">Tasks that wait, the newest first.</param>
/// <param name="Newest">The newest tasks, whatever became of them.</param>
/// <param name="Hosts">The machines; none when the key may not see them.</param>
/// <param name="Models">What can be asked for.</param>
/// <param name="Overview">Counts and rates; null when the key may not see them.</param>
/// <param name="Refusal">Why the hosts are not shown; null when they are.</param>
/// <param name="History">How the last ten minutes went; null when it is not known.</param>
internal sealed record PoolPicture(
    IReadOnlyList<TaskDocument> Running,
    IReadOnlyList<TaskDocument> Waiting,
    IReadOnlyList<TaskDocument> Newest,
    IReadOnlyList<HostDocument> Hosts,
    IReadOnlyList<ServedModel> Models,
    Overview? Overview,
    string? Refusal,
    OverviewHistory? History = null
)
{
    public static PoolPicture Empty { get; } = new([], [], [], [], [], null, null);
}

/// <summary>What is known of the pool.</summary>
/// <param name="Picture">What the gateway said last.</param>
/// <param name="Detail">All about the watched task, line by line.</param>
/// <param name="AwaySince">Since when the gateway does not answer; null while it does.</param>
/// <param name="Refusal">Why the gateway refuses; null while it does not.</param>
internal sealed record PoolNews(
    PoolPicture Picture,
    IReadOnlyList<string>? Detail = null,
    DateTimeOffset? AwaySince = null,
    string? Refusal = null
);

/// <summary>The pool as it is: asks the gateway once a second, and goes on asking while it is away.</summary>
internal sealed class PoolFeed(PollardClient gateway, Shell shell)
{
    /// <summary>Tasks of one list at the most.</summary>
    public const int Most = 100;

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan HistoryEvery = TimeSpan.FromSeconds(5);

    private volatile PoolNews _news = new(PoolPicture.Empty);
    private volatile string? _watched;
    private OverviewHistory? _history;
    private long _historyRead;

    /// <summary>What was seen last.</summary>
    public PoolNews News => _news;

    /// <summary>Looks until it is told to stop, and says after each look that there is something to draw.</summary>
    public async Task RunAsync(Action seen, CancellationToken ct)
    {
        using var timer = new PeriodicTimer(Every, shell.Time);
        do
        {
            _news = await LookAsync(ct);
            seen();
        } while (await timer.WaitForNextTickAsync(ct));
    }

    /// <summary>Looks at all about one task too; null: at none. Its details come with the next look.</summary>
    public void Watch(string? id) => _watched = id;

    private async Task<PoolNews> LookAsync(CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        try
        {
            var picture = await ReadAsync(limit.Token);
            return new(picture, _watched is { } id ? await DescribeAsync(id, limit.Token) : null);
        }
        catch (PollardException e) when (!e.IsUnreachable)
        {
            return _news with { AwaySince = null, Refusal = e.Message }; // Also of a gateway that is starting.
        }
        catch (Exception e) when (e is PollardException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return _news with { AwaySince = _news.AwaySince ?? shell.Time.GetUtcNow(), Refusal = null };
        }
    }

    private async Task<IReadOnlyList<string>> DescribeAsync(string id, CancellationToken ct)
    {
        using var lines = new StringWriter { NewLine = "\n" };
        var print = new Printer(shell with { Out = lines, OutIsTerminal = false }, json: false);
        var task = await gateway.Tasks.GetAsync(id, ct);
        if (task.State == "pending")
        {
            print.Line((await gateway.Tasks.WhyAsync(id, ct)).Summary);
            print.Line();
        }

        TaskPrinter.Details(print, task, shell.Time.GetUtcNow());
        return lines.ToString().TrimEnd('\n').Split('\n');
    }

    private async Task<PoolPicture> ReadAsync(CancellationToken ct)
    {
        var running = await gateway.Tasks.ListAsync(new() { State = "running", Limit = Most }, ct);
        var waiting = await gateway.Tasks.ListAsync(new() { State = "pending", Limit = Most }, ct);
        var newest = await gateway.Tasks.ListAsync(new() { Limit = Most }, ct);
        var models = await gateway.Models.ListAsync(ct);
        try
        {
            var hosts = await gateway.Hosts.ListAsync(ct);
            var overview = await gateway.Overview.GetAsync(ct);
            if (_history is null || shell.Time.GetElapsedTime(_historyRead) >= HistoryEvery)
            {
                _history = await gateway.Overview.GetHistoryAsync(cancellationToken: ct);
                _historyRead = shell.Time.GetTimestamp();
            }

            return new(running.Tasks, waiting.Tasks, newest.Tasks, hosts, models, overview, null, _history);
        }
        catch (PollardException e) when (e.Status == HttpStatusCode.Forbidden)
        {
            return new(running.Tasks, waiting.Tasks, newest.Tasks, [], models, null, e.Message);
        }
    }
}
