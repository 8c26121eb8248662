using System.IO.Pipelines;
using System.Security.Cryptography.X509Certificates;
using Pollard.Agent.Logs;
using Pollard.Agent.Owner;
using Pollard.Agent.Pipeline;

namespace Pollard.Agent;

/// <summary>What an agent is to do, and for whom.</summary>
public sealed record AgentOptions
{
    /// <summary>The gateway's address. Exactly one of this, <see cref="Connect"/>, <see cref="Andy"/>, <see cref="Server"/> and <see cref="Teleport"/> is given.</summary>
    public Uri? Gateway { get; init; }

    /// <summary>
    /// The address of a server of the Andy pool, by HTTP or WebSocket: with its path, or without one for whichever way it has.
    /// </summary>
    public Uri? Andy { get; init; }

    /// <summary>The address of a server of tasks that has <c>/get-task</c> and <c>/complete-task</c> below it.</summary>
    public Uri? Server { get; init; }

    /// <summary>The address of a teleport server, which has calls of tools below <c>/api/http-teleport</c>.</summary>
    public Uri? Teleport { get; init; }

    /// <summary>The environment that this agent stands for at <see cref="Teleport"/>; null: the server's usual one.</summary>
    public string? EnvironmentName { get; init; }

    /// <summary>The key that <see cref="Server"/> or <see cref="Teleport"/> asks for; null: none.</summary>
    public string? ServerKey { get; init; }

    /// <summary>With how many results that a task server has not taken yet no more work is fetched there.</summary>
    public DeliveryThreshold Threshold { get; init; } = DeliveryThreshold.Default;

    /// <summary>Requests to a task server at the same time, 1 to 64.</summary>
    public int MaxConnections { get; init; } = 2;

    /// <summary>Opens a link to a gateway in the same process, instead of <see cref="Gateway"/>.</summary>
    public Func<IDuplexPipe>? Connect { get; init; }

    /// <summary>What people call this machine.</summary>
    public string Name { get; init; } = Environment.MachineName;

    /// <summary>Attempts at the same time, 0 to 1,024; for a task server at least 1.</summary>
    public int Slots { get; init; } = 4;

    /// <summary>Ordinary work, or only what no other host can do.</summary>
    public AgentRole Role { get; init; }

    /// <summary>Words that a task may require.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>What clients may do with this machine.</summary>
    public AgentLimits Limits { get; init; } = new();

    /// <summary>When it works, on the clock of its time zone; null: always.</summary>
    public Schedule? Schedule { get; init; }

    /// <summary>It works only when nobody has used the machine for so long; null: always.</summary>
    public TimeSpan? WhenIdle { get; init; }

    /// <summary>What still runs so long after somebody began to use the machine goes to other hosts; null: it is finished.</summary>
    public TimeSpan? WhenIdleGrace { get; init; }

    /// <summary>Says when the machine was used last, given the time now.</summary>
    public Func<DateTimeOffset, DateTimeOffset> LastUse { get; init; } = Owner.MachineUse.Last;

    /// <summary>True: the owner may pause it and look at it through a socket in <see cref="StateDirectory"/>.</summary>
    public bool HasControl { get; init; }

    /// <summary>Where the host's key lies; made when it is not there.</summary>
    public string StateDirectory { get; init; } = ".";

    /// <summary>Where what is measured is written, in a file for each day; null: nowhere.</summary>
    public string? MetricsDirectory { get; init; }

    /// <summary>How many days before today have their files in <see cref="MetricsDirectory"/>, 1 to 3,650.</summary>
    public int MetricsKeepDays { get; init; } = 7;

    /// <summary>The files of its log, which it writes while it runs; who made them disposes them after it. Null: none.</summary>
    public LogFiles? LogFiles { get; init; }

    /// <summary>Lets this host join a gateway that does not know it yet, or an Andy server that lets in only who has one.</summary>
    public string? JoinToken { get; init; }

    /// <summary>Which carrier to use; by itself the best that gets through.</summary>
    public AgentCarrier Carrier { get; init; }

    /// <summary>How long a lesser carrier works before each look for a better one; the last of them again and again.</summary>
    public IReadOnlyList<TimeSpan> RiseAfter { get; init; } = Sources.Gateway.CarrierLadder.RiseAfter;

    /// <summary>How long a stop waits for what runs.</summary>
    public TimeSpan DrainWithin { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The agent's program and version, for people.</summary>
    public string Program { get; init; } = $"pollard {typeof(AgentOptions).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>Called with a loop's name when it stands still and only a new process helps: end this one with an error.</summary>
    public Action<string> Stuck { get; init; } = _ => { };

    /// <summary>
    /// An HTTP proxy on the way to whom it works for, which may have a user and a password; null: what the environment says
    /// (<c>HTTPS_PROXY</c>, <c>HTTP_PROXY</c>, <c>ALL_PROXY</c>, <c>NO_PROXY</c>).
    /// </summary>
    public Uri? Proxy { get; init; }

    /// <summary>The certificates of which one must have signed that of whom it works for; null: the system's.</summary>
    public X509Certificate2Collection? CertificateAuthorities { get; init; }

    /// <summary>Changes how connections to whom it works for are made, after all other options.</summary>
    public Action<SocketsHttpHandler>? ConfigureHttp { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Jitter.</summary>
    public Random Random { get; init; } = Random.Shared;
}

/// <summary>Whether an agent does ordinary work or stands in.</summary>
public enum AgentRole
{
    /// <summary>Gets work whenever it can do it.</summary>
    Worker,

    /// <summary>Gets work only when no worker can do it.</summary>
    Fallback,
}

/// <summary>Which carrier an agent uses.</summary>
public enum AgentCarrier
{
    /// <summary>The best that gets through.</summary>
    Best,

    /// <summary>Only the HTTP/2 stream.</summary>
    Http2,

    /// <summary>Only the WebSocket.</summary>
    WebSocket,

    /// <summary>Only the long poll.</summary>
    Turn,
}

/// <summary>Why an agent ended.</summary>
public enum AgentEnd
{
    /// <summary>It was told to.</summary>
    Stopped,

    /// <summary>Another agent came with the same key.</summary>
    Replaced,

    /// <summary>The gateway's admin shut this host out.</summary>
    Revoked,

    /// <summary>The gateway does not take it, and trying again would not help.</summary>
    Refused,
}

/// <summary>How an agent ended.</summary>
/// <param name="End">Why.</param>
/// <param name="Reason">The same for people, and what to do.</param>
public sealed record AgentExit(AgentEnd End, string Reason);
