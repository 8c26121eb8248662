using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Pollard.Gateway.Answers;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;
using Pollard.Tasks.Watching;

namespace Pollard.Gateway.Dashboard;

/// <summary>Puts together what the gateway does at this moment.</summary>
internal sealed class OverviewMaker(TaskEngine engine, OverviewBook book, TimeProvider time)
{
    private const int MostRunning = 50;
    private const int MostQueues = 100;
    private const int TailEvents = 100;
    private const int TailCharacters = 200;
    private readonly string _instance = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
    private readonly DateTimeOffset _startedAt = time.GetUtcNow();

    /// <summary>The gateway's loops beside the engine's; one of them runs on what is made here, so they are given from outside.</summary>
    public IReadOnlyList<BackgroundLoop> Loops { get; set; } = [];

    /// <summary>Counts hosts by their states; of another slice, so it is given from outside.</summary>
    public Func<IReadOnlyDictionary<string, int>> CountHosts { get; set; } =
        static () => new Dictionary<string, int>(StringComparer.Ordinal);

    /// <summary>The program's version.</summary>
    public static string Version { get; } =
        typeof(OverviewMaker).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            is { } version
            ? version.Split('+')[0]
            : "0";

    /// <summary>How it is now.</summary>
    /// <param name="withText">With the ends of answers that are being written, for those who may read them.</param>
    public Overview Make(bool withText)
    {
        var statistics = engine.Statistics;
        var counts = engine.Activity.Count();
        var running = engine.Activity.Running(MostRunning);
        var store = statistics.Store;
        return new Overview
        {
            Version = Version,
            Instance = _instance,
            StartedAt = _startedAt,
            Now = time.GetUtcNow(),
            Store = new StoreOverview(
                store.Writable,
                store.Fault is { } fault ? Http.StoreErrors.Of(fault).Message : null,
                statistics.StoreBacklog
            ),
            LateLoops =
            [
                .. statistics
                    .Loops.Concat(Loops.Select(static loop => loop.Look()))
                    .Where(static loop => loop.IsLate)
                    .Select(static loop => loop.Name),
            ],
            Tasks = new TaskCounts
            {
                Pending = counts.Pending,
                Running = counts.Running,
                Submitted = counts.Submitted,
                Completed = counts.Completed,
                Failed = counts.Failed,
                Timeout = counts.TimedOut,
                Cancelled = counts.Cancelled,
                InputTokens = counts.InputTokens,
                OutputTokens = counts.OutputTokens,
            },
            Rates = book.Rates(),
            Queues = [.. engine.Activity.Queues().Take(MostQueues).Select(Show)],
            Hosts = CountAll(),
            Running = [.. running.Select(task => Show(task, withText))],
            RunningLeftOff = Math.Max(0, counts.Running - running.Count),
            Failures = [.. engine.Activity.Failures().Select(Show)],
        };
    }

    private HostCounts CountAll()
    {
        var states = CountHosts();
        var here = engine.Hosts.List();
        return new HostCounts
        {
            Online = states.GetValueOrDefault("online"),
            Draining = states.GetValueOrDefault("draining"),
            Paused = states.GetValueOrDefault("paused"),
            Quarantined = states.GetValueOrDefault("quarantined"),
            Offline = states.GetValueOrDefault("offline"),
            Slots = here.Sum(static host => host.Description.Slots),
            Running = here.Sum(static host => host.Running),
            Version = engine.Activity.HostsVersion,
        };
    }

    private static QueueOverview Show(QueueFigures queue) =>
        new(
            queue.Kind,
            queue.Model,
            queue.Depth,
            Math.Round(Math.Max(0, queue.OldestWait.TotalSeconds), 1),
            Math.Round(queue.Unserved.TotalSeconds, 1)
        );

    private FailureOverview Show(TaskRow row) =>
        new()
        {
            Id = engine.Ids.Format(row.Id),
            Kind = row.Kind,
            Model = row.Model.Length == 0 ? null : row.Model,
            State = TaskFailure.Word(row.State),
            Code = row.Error?.Code ?? TaskFailure.Word(row.State),
            Message = row.Error?.Message ?? "",
            EndedAt = row.EndedAt ?? row.CreatedAt,
            Host = row.Host,
        };

    private static RunningOverview Show(RunningTask running, bool withText)
    {
        var row = running.Task.Row;
        var tail = running.Task.Newest(TailEvents);
        var said = tail.LastOrDefault(static item => item.Type == TaskEventType.Phase);
        var phase = said.Data.IsEmpty ? null : ProgressReader.PhaseOf(said.Data.Span);
        return new RunningOverview
        {
            Id = running.Task.PublicId,
            Kind = row.Kind,
            Model = row.Model.Length == 0 ? null : row.Model,
            Host = running.HostName,
            Owner = row.Owner,
            Attempt = row.Attempt,
            MaxAttempts = row.MaxAttempts,
            CreatedAt = row.CreatedAt,
            StartedAt = row.StartedAt,
            Tokens = running.Tokens,
            Phase = phase?.Phase,
            Percent = phase?.Percent,
            Text = withText ? TextOf(tail) : null,
        };
    }

    private static string? TextOf(IReadOnlyList<TaskEvent> tail)
    {
        var bytes = new MemoryStream();
        foreach (var item in tail)
        {
            if (item is { Type: TaskEventType.Delta, Kind: DeltaKind.Content, Choice: 0 })
            {
                bytes.Write(item.Data.Span);
            }
            else if (item.Type is TaskEventType.Redispatched or TaskEventType.Retried)
            {
                bytes.SetLength(0); // What the lost host wrote is void.
            }
        }

        var text = Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
        if (text.Length <= TailCharacters)
        {
            return text.Length == 0 ? null : text;
        }

        var from = text.Length - TailCharacters;
        return text[(char.IsLowSurrogate(text[from]) ? from + 1 : from)..];
    }
}
