using System.Net;

namespace Pollard.Voice.Legs.AudioSockets;

/// <summary>How Asterisk brings calls by AudioSocket.</summary>
internal sealed record AudioSocketSettings
{
    /// <summary>Where it connects to; port 0 is any that is free.</summary>
    public IPEndPoint At { get; init; } = new(IPAddress.Loopback, 9_092);

    /// <summary>Who may connect.</summary>
    public Func<IPAddress, bool> Allows { get; init; } = IPAddress.IsLoopback;

    /// <summary>Calls at a time, 1 or more.</summary>
    public int MostCalls { get; init; } = 200;

    /// <summary>What calls are numbered by; null: they have names.</summary>
    public CallNumbers? Numbers { get; init; }

    /// <summary>How soon a connection must say whose call it is.</summary>
    public TimeSpan HelloWithin { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long nothing may come before the call is over.</summary>
    public TimeSpan MostSilence { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the other side may leave what we send unread, beyond what waits, 1 s, before the call is over.</summary>
    public TimeSpan MostUnread { get; init; } = TimeSpan.FromSeconds(5);
}
