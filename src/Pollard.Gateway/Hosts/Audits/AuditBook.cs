using System.Collections.Concurrent;
using System.Text.Json;
using Pollard.Protocol.Api;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>What is known of each audited host from its audits, in memory and, soon after, in the store.</summary>
internal sealed class AuditBook(ITaskStore store)
{
    private const string Collection = "host_audit";
    private const int MostEvidence = 50;
    private const int SaveAtOnce = 500;
    private readonly ConcurrentDictionary<string, AuditRecord> _records = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _unsaved = new(StringComparer.Ordinal);
    private readonly Lock _writing = new(); // Or what is older could be written last. Never held while something is written.

    /// <summary>Reads what the store has; once, before the first audit.</summary>
    public async Task LoadAsync(CancellationToken ct)
    {
        foreach (var record in await store.ReadRecordsAsync(Collection, ct))
        {
            if (JsonSerializer.Deserialize(record.Json.Span, HostsJson.Default.AuditRecord) is { } audits)
            {
                _records[record.Id] = audits;
            }
        }
    }

    /// <summary>What is known of a host.</summary>
    public AuditRecord Find(string hostId) => _records.GetValueOrDefault(hostId, AuditRecord.None);

    /// <summary>An audit of what a host answered.</summary>
    /// <returns>The score with it.</returns>
    public AuditScore NoteContent(string hostId, AuditEvidence evidence) =>
        Change(
            hostId,
            record =>
                With(record, evidence) with
                {
                    Score = record.Score.WithContent(evidence.Passed),
                    Audited = record.Audited + 1,
                    Failed = record.Failed + (evidence.Passed ? 0 : 1),
                }
        ).Score;

    /// <summary>An answer of a host has a wrong shape.</summary>
    /// <returns>The score with it.</returns>
    public AuditScore NoteMisshapen(string hostId, AuditEvidence evidence) =>
        Change(
            hostId,
            record =>
                With(record, evidence) with
                {
                    Score = record.Score.WithShape(passed: false),
                    Misshapen = record.Misshapen + 1,
                }
        ).Score;

    /// <summary>An answer of a host has a good shape.</summary>
    public void NoteShapely(string hostId)
    {
        if (Find(hostId).Score.Shape > 0) // Most have nothing to lose.
        {
            Change(hostId, static record => record with { Score = record.Score.WithShape(passed: true) });
        }
    }

    /// <summary>A host comes from where a quarantined one was: its first audit, if it fails, is enough.</summary>
    public void Doubt(string hostId) => Change(hostId, static record => record with { Score = record.Score.Doubted() });

    /// <summary>Starts over with a host; the evidence stays.</summary>
    public Task ResetAsync(string hostId, CancellationToken ct)
    {
        Change(hostId, static record => AuditRecord.None with { Evidence = record.Evidence });
        return SaveAsync(hostId, ct);
    }

    /// <summary>Writes what is not in the store yet, and deletes what is known of hosts that are no more.</summary>
    public async Task SaveAsync(Func<string, bool> isKnown, CancellationToken ct)
    {
        await Task.WhenAll(_unsaved.Keys.Take(SaveAtOnce).Select(id => SaveAsync(id, ct)));
        foreach (var id in _records.Keys.Where(id => !isKnown(id)))
        {
            await store.DeleteRecordAsync(Collection, id, ct);
            _records.TryRemove(id, out _);
        }
    }

    /// <summary>Writes what is known of a host.</summary>
    public async Task SaveAsync(string hostId, CancellationToken ct)
    {
        Task written;
        lock (_writing)
        {
            _unsaved.TryRemove(hostId, out _);
            var json = JsonSerializer.SerializeToUtf8Bytes(Find(hostId), HostsJson.Default.AuditRecord);
            written = store.PutRecordAsync(Collection, hostId, json, ct).AsTask();
        }

        try
        {
            await written;
        }
        catch
        {
            _unsaved[hostId] = true;
            throw;
        }
    }

    private AuditRecord Change(string hostId, Func<AuditRecord, AuditRecord> change)
    {
        var changed = _records.AddOrUpdate(
            hostId,
            static (_, change) => change(AuditRecord.None),
            static (_, record, change) => change(record),
            change
        );
        _unsaved[hostId] = true;
        return changed;
    }

    private static AuditRecord With(AuditRecord record, AuditEvidence evidence) =>
        record with
        {
            Evidence = [evidence, .. record.Evidence.Take(MostEvidence - 1)],
        };
}

/// <summary>What is known of a host from its audits.</summary>
internal sealed record AuditRecord
{
    public static AuditRecord None { get; } =
        new()
        {
            Score = default,
            Audited = 0,
            Failed = 0,
            Misshapen = 0,
            Evidence = [],
        };

    public required AuditScore Score { get; init; }

    public required long Audited { get; init; }

    public required long Failed { get; init; }

    public required long Misshapen { get; init; }

    /// <summary>The newest first.</summary>
    public required IReadOnlyList<AuditEvidence> Evidence { get; init; }
}
