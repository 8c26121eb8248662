using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>Counts the outcomes of audits, and quarantines the hosts that they stand against.</summary>
internal sealed class Verdicts(
    TaskEngine engine,
    HostRegistry registry,
    AuditBook book,
    Quarantine quarantine,
    TimeProvider time
)
{
    private static readonly TimeSpan StartGrace = TimeSpan.FromMinutes(1);
    private readonly long _startedAt = time.GetTimestamp();

    /// <summary>False just after the gateway's start and while links drop in numbers: the trouble may be the gateway's own.</summary>
    public bool MayBlame => time.GetElapsedTime(_startedAt) >= StartGrace && !engine.Hosts.IsTroubled;

    /// <summary>True for a host without a key.</summary>
    public bool IsGuest(string hostId) => registry.Find(hostId) is { Guest: not null };

    /// <summary>True for a host that has an identity to lose and has not lost it.</summary>
    public bool IsAuditable(string hostId) => registry.Find(hostId) is { Revoked: false, QuarantinedAt: null };

    /// <summary>True when something stands against a host, so that it is worth to look closer.</summary>
    public bool IsSuspect(string hostId) => book.Find(hostId).Score.Total > 0;

    /// <summary>What a host answered was audited.</summary>
    public async Task NoteContentAsync(string hostId, AuditEvidence evidence, CancellationToken ct)
    {
        if (MayBlame && IsAuditable(hostId) && book.NoteContent(hostId, evidence).IsOver)
        {
            await quarantine.ImposeAsync(hostId, ct);
        }
    }

    /// <summary>The shape of a host's answer was looked at.</summary>
    public async Task NoteShapeAsync(string hostId, AuditEvidence evidence, CancellationToken ct)
    {
        if (!MayBlame || !IsAuditable(hostId))
        {
            return;
        }

        if (evidence.Passed)
        {
            book.NoteShapely(hostId);
        }
        else if (book.NoteMisshapen(hostId, evidence).IsOver)
        {
            await quarantine.ImposeAsync(hostId, ct);
        }
    }

    /// <summary>Reads what is known from before.</summary>
    public Task LoadAsync(CancellationToken ct) => book.LoadAsync(ct);

    /// <summary>Writes what is new.</summary>
    public Task SaveAsync(CancellationToken ct) => book.SaveAsync(id => registry.Find(id) is not null, ct);
}
