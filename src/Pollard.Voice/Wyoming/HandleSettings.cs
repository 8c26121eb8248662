using System.Net;

namespace Pollard.Voice.Wyoming;

/// <summary>What the owner of a <see cref="HandleServer"/> decides.</summary>
internal sealed record HandleSettings
{
    /// <summary>Who may connect. The protocol knows no secret.</summary>
    public Func<IPAddress, bool> Allows { get; init; } = IPAddress.IsLoopback;

    /// <summary>What the service calls itself.</summary>
    public string Name { get; init; } = "pollard";

    /// <summary>The model that answers, as people are shown it.</summary>
    public required string Model { get; init; }

    /// <summary>The languages that it says it knows: some clients offer it for no others.</summary>
    public IReadOnlyList<string> Languages { get; init; } = ["en"];

    /// <summary>Connections at a time.</summary>
    public int MostConnections { get; init; } = 64;

    /// <summary>How long one may say nothing and be said nothing.</summary>
    public TimeSpan IdleFor { get; init; } = TimeSpan.FromMinutes(5);
}
