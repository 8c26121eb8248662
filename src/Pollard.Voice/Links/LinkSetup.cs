using System.Net;

namespace Pollard.Voice.Links;

/// <summary>What a link's owner decides.</summary>
internal sealed record LinkSetup
{
    /// <summary>How often a service that does not answer is called.</summary>
    public ConnectRetry Retry { get; init; } = new();

    /// <summary>Bytes that are kept while they cannot be sent.</summary>
    public int MostKeptBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Frames that wait to be taken by this side before nothing more is read.</summary>
    public int MostIncoming { get; init; } = 1_024;

    /// <summary>How long the other machine may be silent, or not take what is sent, before the link is suspected.</summary>
    public TimeSpan SuspectAfter { get; init; } = TimeSpan.FromMilliseconds(1_500);

    /// <summary>How long before it is broken and made anew.</summary>
    public TimeSpan DeadAfter { get; init; } = LinkConnection.DeadAfter;

    /// <summary>How often it is looked at.</summary>
    public TimeSpan LookEvery { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Finds machines by their names.</summary>
    public AddressLookup Lookup { get; init; } = static (name, ct) => Dns.GetHostAddressesAsync(name, ct);

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Jitter.</summary>
    public Random Random { get; init; } = Random.Shared;
}
