using Microsoft.Extensions.Logging;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>Keeps hosts from work that failed their audits, over reconnects and restarts, until an admin releases them.</summary>
internal sealed partial class Quarantine(
    HostLinkServer server,
    HostRegistry registry,
    AuditBook book,
    ILogger<Quarantine> logger
)
{
    /// <summary>Gives a host no more work.</summary>
    public async Task ImposeAsync(string hostId, CancellationToken ct)
    {
        if (registry.Find(hostId) is not { QuarantinedAt: null })
        {
            return;
        }

        await registry.SetQuarantinedAsync(hostId, quarantined: true, ct);
        HoldBack(hostId);
        LogImposed(logger, hostId);
        await book.SaveAsync(hostId, ct);
    }

    /// <summary>Gives a host work again, unless it is being drained besides. False when there is no such host.</summary>
    public async Task<bool> LiftAsync(string hostId, CancellationToken ct)
    {
        if (registry.Find(hostId) is null)
        {
            return false;
        }

        await book.ResetAsync(hostId, ct); // First: with the old score one failed audit would do.
        await registry.SetQuarantinedAsync(hostId, quarantined: false, ct);
        HoldBack(hostId);
        return true;
    }

    private void HoldBack(string hostId) => server.HoldBack(hostId, registry.Find(hostId) is { Draining: true });

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Host {HostId} is quarantined: too many of its audits failed. See: pollard hosts audits {HostId}"
    )]
    private static partial void LogImposed(ILogger logger, string hostId);
}
