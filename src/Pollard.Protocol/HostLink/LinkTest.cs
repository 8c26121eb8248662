namespace Pollard.Protocol.HostLink;

/// <summary>
/// A try of a carrier without a session: the same address with <see cref="Query"/>, signed over nothing. The gateway sends back
/// what it hears, byte for byte, until it has heard <see cref="MostBytes"/> or <see cref="GatewayWithin"/> is over.
/// </summary>
internal static class LinkTest
{
    /// <summary>The query that asks for it.</summary>
    public const string Query = "?test=echo";

    /// <summary>Bytes that are sent back at the most.</summary>
    public const int MostBytes = 64;

    /// <summary>How long an agent waits for both echoes: something that holds back what is streamed is found out by then.</summary>
    public static readonly TimeSpan Within = TimeSpan.FromSeconds(3);

    /// <summary>How long a gateway bears it.</summary>
    public static readonly TimeSpan GatewayWithin = TimeSpan.FromSeconds(10);

    /// <summary>What an agent says first.</summary>
    public static ReadOnlyMemory<byte> First { get; } = "a"u8.ToArray();

    /// <summary>What it says when it has heard that.</summary>
    public static ReadOnlyMemory<byte> Second { get; } = "b"u8.ToArray();
}
