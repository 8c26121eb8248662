using Pollard.Protocol;

namespace Pollard.Gateway.Hosts;

/// <summary>A host that asks for work, as the engine and people see it.</summary>
internal sealed record PolledProfile
{
    /// <summary>What people call it.</summary>
    public required string Name { get; init; }

    /// <summary>What it does.</summary>
    public required IReadOnlyList<ModelInfo> Models { get; init; }

    /// <summary>On which terms it is here.</summary>
    public required JoinTerms Terms { get; init; }

    /// <summary>By what it is known again.</summary>
    public required GuestMarks Marks { get; init; }

    /// <summary>Work that it has at the same time at the most.</summary>
    public required int Slots { get; init; }

    /// <summary>Its requests for work that are held at the same time at the most; one more ends the oldest.</summary>
    public required int Polls { get; init; }
}

/// <summary>The bounds of one kind of hosts that ask for work.</summary>
/// <param name="Family">What their ids begin with, and their label.</param>
/// <param name="Hosts">How many of them there may be.</param>
/// <param name="HostsPerPlace">How many of one token, key or address.</param>
/// <param name="RequestsPerMinute">Requests of one token, key or address.</param>
/// <param name="Busy">How long one may be silent while it works, before others get its work.</param>
/// <param name="Idle">How long one may be silent before it is forgotten.</param>
internal sealed record PolledLimits(
    string Family,
    int Hosts,
    int HostsPerPlace,
    int RequestsPerMinute,
    TimeSpan Busy,
    TimeSpan Idle
);
