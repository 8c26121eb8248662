using System.Net;

namespace Pollard.Agent.Backends;

/// <summary>A tool on this machine's network that clients may call over HTTP, and what they may do there. Nothing beyond it is ever called.</summary>
public sealed record HttpToolOptions
{
    /// <summary>The methods that clients may use where the owner does not say.</summary>
    public static IReadOnlyList<string> UsualMethods { get; } =
    ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

    /// <summary>What clients call it: a model's name without <c>/</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Its address, http or https; calls go below it and nowhere else.</summary>
    public required Uri Url { get; init; }

    /// <summary>The methods that clients may use, in capitals.</summary>
    public IReadOnlyList<string> Methods { get; init; } = UsualMethods;

    /// <summary>The paths below <see cref="Url"/> that clients may call, in which <c>*</c> stands for any text.</summary>
    public IReadOnlyList<string> Paths { get; init; } = ["*"];

    /// <summary>
    /// Header lines that this agent adds, in place of the client's of that name. <c>${file:PATH}</c> stands for what that file says at
    /// the moment of the call, <c>${env:NAME}</c> for a variable of this process: neither leaves this machine but to the tool.
    /// </summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } =
        new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Names of the client's header lines that the tool gets; null: all but those of the connection.</summary>
    public IReadOnlyList<string>? PassHeaders { get; init; }

    /// <summary>
    /// Private networks in which the tool may be. An address that <see cref="Url"/> has in numbers, or <c>localhost</c>, needs none;
    /// for a name it is what keeps somebody else's DNS from leading calls into this network.
    /// </summary>
    public IReadOnlyList<IPNetwork> Networks { get; init; } = [];

    /// <summary>A file of certificates, PEM, one of which must have signed the tool's; null: the system's.</summary>
    public string? CertificateAuthority { get; init; }

    /// <summary>An HTTP proxy on the way to the tool; null: none, whatever the environment says.</summary>
    public Uri? Proxy { get; init; }

    /// <summary>How long the tool may take to begin its answer; null: as long as the task may.</summary>
    public TimeSpan? AnswerWithin { get; init; }

    /// <summary>How long the tool may be silent in the middle of its answer.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Bytes in an answer's body.</summary>
    public long LongestAnswerBytes { get; init; } = 16L * 1024 * 1024 * 1024;
}
