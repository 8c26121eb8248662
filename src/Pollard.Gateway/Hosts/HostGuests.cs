using Pollard.Gateway.Hosts.Audits;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Hosts;

/// <summary>
/// Hosts without a key, such as those of the Andy pool, from their coming to their going. What was decided about one meets it when
/// it comes back as the same; who only shares an address or a token with a quarantined one is let in, and watched.
/// </summary>
internal sealed class HostGuests(HostRegistry registry, AuditBook book, HostLinkServer server)
{
    /// <summary>A host comes.</summary>
    /// <param name="id">Its id, if it was not here before.</param>
    /// <param name="name">What people call it.</param>
    /// <param name="marks">By what it is known again.</param>
    /// <param name="terms">On which terms; null: those of the community.</param>
    /// <returns>The id by which it is known; null when it was shut out for good.</returns>
    public string? Welcome(string id, string name, GuestMarks marks, JoinTerms? terms = null)
    {
        if (registry.IsShutOut(marks))
        {
            return null;
        }

        var host = registry.Welcome(id, name, marks, terms ?? new JoinTerms(TrustTier.Community));
        if (host.IsPassing && registry.HasQuarantinedKin(marks))
        {
            book.Doubt(host.Id);
        }

        return host.Id;
    }

    /// <summary>True when a host with this mark was revoked.</summary>
    public bool IsShutOut(GuestMarks marks) => registry.IsShutOut(marks);

    /// <summary>True for a host that is to get no work.</summary>
    public bool IsHeldBack(string id) => registry.Find(id) is { IsHeldBack: true };

    /// <summary>The engine has just met the host: keeps it from work if it is to get none.</summary>
    public void Met(string id)
    {
        if (registry.Find(id) is { IsHeldBack: true } host)
        {
            server.HoldBack(id, host.Draining);
        }
    }

    /// <summary>A host goes.</summary>
    public void Left(string id) => registry.Left(id);
}
