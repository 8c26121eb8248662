using System.Net;

namespace Pollard.Voice.Links.Existing;

/// <summary>What the owner of links with existing services decides.</summary>
internal sealed record ExistingSetup
{
    /// <summary>Where ports are opened. The wires know no secret, and carry what callers say: elsewhere than here only where the net is trusted.</summary>
    public IPAddress ListenAt { get; init; } = IPAddress.Loopback;

    /// <summary>Who may connect and ask to be connected to.</summary>
    public Func<IPAddress, bool> Allows { get; init; } = IPAddress.IsLoopback;

    /// <summary>The ports of calls; the same for all wires of a process, so that the services of a call agree on its number.</summary>
    public CallPorts Ports { get; init; } = new();

    /// <summary>The base of the port at which an outbound service of the second generation is asked to connect.</summary>
    public int RegisterBase { get; init; } = 13_000;

    /// <summary>How often services are asked to connect.</summary>
    public RegisterSchedule Schedule { get; init; } = new();

    /// <summary>How long who has brought a call may be away before it is over.</summary>
    public TimeSpan AwayFor { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>
    /// How much sound may be ahead of what is heard at an outbound service, which drops the oldest beyond twelve seconds, and can be told
    /// nothing of an interruption: what is there is heard.
    /// </summary>
    public TimeSpan Lead { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>What holds for every link.</summary>
    public LinkSetup Link { get; init; } = new();
}
