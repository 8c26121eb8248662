using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pollard.Gateway.Answers;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>
/// Says when which host of the community is audited: the shape of all answers that it has time for, and a drawn share of what they
/// say. Those of trusted hosts are what others are measured by.
/// </summary>
internal sealed partial class Auditor(
    TaskEngine engine,
    AuditRuns runs,
    Verdicts verdicts,
    HostLinkOptions options,
    TimeProvider time,
    ILogger<Auditor> logger
) : BackgroundService
{
    private const int MostAtOnce = 8;
    private const int MostWaiting = 64;
    private const int MostAnswers = 256;
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CanaryEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan CanaryOfSuspectsEvery = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Watched> _watched = new(StringComparer.Ordinal);

    // What is too much is left out: audits are samples, and hosts' links must not wait for them.
    private readonly Channel<HostAnswer> _answers = Channel.CreateBounded<HostAnswer>(
        new BoundedChannelOptions(MostAnswers) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait }
    );
    private readonly Channel<Func<CancellationToken, Task>> _jobs = Channel.CreateBounded<
        Func<CancellationToken, Task>
    >(MostWaiting);

    /// <summary>How the choice of hosts for canaries is.</summary>
    public BackgroundLoop Loop { get; } =
        new("host_audits", LookWithin, options.AuditShare > 0 ? LookEvery : null, time);

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await verdicts.LoadAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>Audits until it is stopped.</summary>
    internal async Task RunAsync(CancellationToken ct)
    {
        if (options.AuditShare == 0)
        {
            return;
        }

        engine.Hosts.Answered += Take;
        try
        {
            await Task.WhenAll([
                LookAsync(ct),
                InspectAllAsync(ct),
                .. Enumerable.Range(0, MostAtOnce).Select(_ => RunAllAsync(ct)),
            ]);
        }
        finally
        {
            engine.Hosts.Answered -= Take;
        }
    }

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => RunAsync(stoppingToken);

    private void Take(HostAnswer answer)
    {
        if (answer.Row.Owner != AuditTasks.Owner)
        {
            _answers.Writer.TryWrite(answer);
        }
    }

    private async Task LookAsync(CancellationToken ct)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        while (await timer.WaitForNextTickAsync(ct))
        {
            Loop.Begin();
            await TryAsync(LookOnceAsync, ct);
            Loop.End();
        }
    }

    private async Task LookOnceAsync(CancellationToken ct)
    {
        if (verdicts.MayBlame)
        {
            foreach (var host in engine.Hosts.List(most: TrustTier.Community))
            {
                Consider(host);
            }
        }

        await verdicts.SaveAsync(ct);
    }

    private void Consider(HostSnapshot host)
    {
        var id = host.Description.Id;
        if (
            host.Draining
            || host.Running >= host.Description.Slots
            || !verdicts.IsAuditable(id)
            || ModelOf(host.Description) is not { } model
        )
        {
            return;
        }

        var watched = _watched.GetOrAdd(id, static _ => new Watched());
        if (!watched.IsRunning && IsDue(id, watched))
        {
            watched.IsRunning = true;
            if (!_jobs.Writer.TryWrite(ct => CanaryAsync(id, model, watched, ct)))
            {
                watched.IsRunning = false;
            }
        }
    }

    private bool IsDue(string id, Watched watched) =>
        watched.AskedAt is not { } asked
        || watched.IsDrawn
        || time.GetElapsedTime(asked) is var since && since >= CanaryEvery
        || (since >= CanaryOfSuspectsEvery && verdicts.IsSuspect(id));

    private async Task CanaryAsync(string id, string model, Watched watched, CancellationToken ct)
    {
        watched.IsDrawn = false;
        watched.AskedAt = time.GetTimestamp();
        try
        {
            await runs.CanaryAsync(id, model, ct);
        }
        finally
        {
            watched.IsRunning = false;
        }
    }

    // One that it has in memory, where it says: an audit is not worth the loading of another, nor the start of a program.
    private string? ModelOf(HostDescription host)
    {
        var chats = host.Models.Where(static model => model.Name != "*" && IsChat(model.Kinds));
        var models = chats.OrderBy(static model => model.Loaded == false).ToList();
        var loaded = models.Count(static model => model.Loaded != false);
        return models.Count == 0 ? null : models[options.Random.Next(loaded > 0 ? loaded : models.Count)].Name;
    }

    private static bool IsChat(IReadOnlyList<string>? kinds) =>
        kinds is null
        || (kinds.Contains(Kinds.Chat, StringComparer.Ordinal) && !kinds.Contains("command", StringComparer.Ordinal));

    private Task InspectAllAsync(CancellationToken ct) => ForEachAsync(_answers.Reader, InspectAsync, ct);

    private async Task InspectAsync(HostAnswer answer, CancellationToken ct)
    {
        if (!verdicts.MayBlame)
        {
            return;
        }

        if (IsDrawn())
        {
            _watched.GetOrAdd(answer.HostId, static _ => new Watched()).IsDrawn = true;
        }

        if (answer.Row.Kind is Kinds.Chat or Kinds.Completion)
        {
            await verdicts.NoteShapeAsync(answer.HostId, ShapeOf(answer), ct);
        }

        if (IsDrawn() && verdicts.IsAuditable(answer.HostId) && runs.CanRerun(answer))
        {
            _jobs.Writer.TryWrite(ct => runs.RerunAsync(answer, ct));
        }
    }

    private AuditEvidence ShapeOf(HostAnswer answer)
    {
        var model = answer.Row.Model;
        var fault = AnswerInspector.Inspect(
            answer.Output,
            TokensOf(answer),
            answer.Took,
            () =>
                engine
                    .Hosts.List(least: TrustTier.Trusted)
                    .SelectMany(static host => host.Rates)
                    .Where(rate => string.Equals(rate.Model, model, StringComparison.Ordinal))
                    .Max(static rate => rate.TokensPerSecond)
        );
        return new AuditEvidence
        {
            At = time.GetUtcNow(),
            Kind = "shape",
            Model = model,
            Task = engine.Ids.Format(answer.Row.Id),
            Passed = fault is null,
            Why = fault is null ? null : $"{fault.Code}: {fault.Detail}",
        };
    }

    private static long? TokensOf(HostAnswer answer) =>
        answer.Finish.Usage is { ValueKind: JsonValueKind.Object } usage
        && usage.TryGetProperty("completion_tokens"u8, out var tokens)
        && tokens.ValueKind == JsonValueKind.Number
        && tokens.TryGetInt64(out var count)
            ? count
            : null;

    private Task RunAllAsync(CancellationToken ct) => ForEachAsync(_jobs.Reader, static (job, ct) => job(ct), ct);

    // ReadAllAsync goes on in the thread pool; this one wherever it was called, so that a simulation can decide what comes next.
    private async Task ForEachAsync<T>(
        ChannelReader<T> reader,
        Func<T, CancellationToken, Task> does,
        CancellationToken ct
    )
    {
        while (await reader.WaitToReadAsync(ct))
        {
            while (reader.TryRead(out var item))
            {
                await TryAsync(ct => does(item, ct), ct);
            }
        }
    }

    private async Task TryAsync(Func<CancellationToken, Task> work, CancellationToken ct)
    {
        try
        {
            await work(ct);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            LogFailed(logger, e);
        }
    }

    private bool IsDrawn() => options.Random.NextDouble() < options.AuditShare;

    [LoggerMessage(Level = LogLevel.Warning, Message = "An audit came to nothing; others go on")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    /// <summary>A host that is audited now and then. A word at a time is written, by whoever has it in hand.</summary>
    private sealed class Watched
    {
        private long _askedAt;

        /// <summary>True when chance wants it to have a canary.</summary>
        public volatile bool IsDrawn;

        /// <summary>True while it has one.</summary>
        public volatile bool IsRunning;

        /// <summary>The time stamp of the last one; null before the first.</summary>
        public long? AskedAt
        {
            get => Volatile.Read(ref _askedAt) is var at and not 0 ? at : null;
            set => Volatile.Write(ref _askedAt, value ?? 0);
        }
    }
}
