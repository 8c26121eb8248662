using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Keys;

/// <summary>What each key's tasks have used, over restarts: the engine counts since its start, this keeps what came before. After a crash the last half minute may be missing.</summary>
internal sealed partial class KeyUsage(
    ITaskStore store,
    TaskEngine engine,
    KeyStore keys,
    TimeProvider time,
    ILogger<KeyUsage> logger
) : BackgroundService
{
    private const string Collection = "key_usage";
    private static readonly TimeSpan SaveEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SaveWithin = TimeSpan.FromSeconds(30);
    private readonly ConcurrentDictionary<string, UsageRecord> _before = new(StringComparer.Ordinal);
    private readonly Dictionary<string, UsageRecord> _saved = new(StringComparer.Ordinal);

    /// <summary>How the writing is.</summary>
    public BackgroundLoop Loop { get; } = new("key_usage", 2 * SaveWithin, SaveEvery, time);

    /// <summary>What a key's tasks have used so far.</summary>
    public KeyUse Of(string keyId)
    {
        var total = Total(keyId);
        return new KeyUse(
            total.Tasks,
            total.Completed,
            total.Failed,
            total.InputTokens,
            total.OutputTokens,
            total.LastUsedAt
        );
    }

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var stored in await store.ReadRecordsAsync(Collection, cancellationToken))
        {
            _before[stored.Id] = JsonSerializer.Deserialize(stored.Json.Span, KeysJson.Default.UsageRecord)!;
        }

        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(SaveEvery, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await SaveAsync();
            }
        }
        catch (OperationCanceledException)
        {
            await SaveAsync();
        }
    }

    private UsageRecord Total(string keyId)
    {
        var before = _before.GetValueOrDefault(keyId) ?? new UsageRecord(0, 0, 0, 0, 0, null);
        return engine.Activity.UseOf(keyId) is { } since
            ? new UsageRecord(
                before.Tasks + since.Tasks,
                before.Completed + since.Completed,
                before.Failed + since.Failed,
                before.InputTokens + since.InputTokens,
                before.OutputTokens + since.OutputTokens,
                since.LastUsedAt
            )
            : before;
    }

    private async Task SaveAsync()
    {
        Loop.Begin();
        using var limit = new CancellationTokenSource(SaveWithin, time); // Also while stopping: it is the last chance.
        try
        {
            var present = keys.List().Select(static key => key.Id).ToHashSet(StringComparer.Ordinal);
            foreach (var id in present)
            {
                await SaveAsync(id, limit.Token);
            }

            foreach (var id in _before.Keys.Concat(_saved.Keys).Except(present, StringComparer.Ordinal).ToList())
            {
                await store.DeleteRecordAsync(Collection, id, limit.Token);
                _before.TryRemove(id, out _);
                _saved.Remove(id);
            }
        }
        catch (Exception e)
        {
            LogNotSaved(logger, e);
        }

        Loop.End();
    }

    private async Task SaveAsync(string id, CancellationToken ct)
    {
        var total = Total(id);
        if (total.Tasks == 0 || total == (_saved.GetValueOrDefault(id) ?? _before.GetValueOrDefault(id)))
        {
            return;
        }

        var json = JsonSerializer.SerializeToUtf8Bytes(total, KeysJson.Default.UsageRecord);
        await store.PutRecordAsync(Collection, id, json, ct);
        _saved[id] = total;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Could not write what keys have used; trying again later")]
    private static partial void LogNotSaved(ILogger logger, Exception exception);
}
