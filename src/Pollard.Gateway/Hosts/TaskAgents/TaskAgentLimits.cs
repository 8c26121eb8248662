using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.TaskAgents;

/// <summary>The bounds of agents with the small contract.</summary>
internal static class TaskAgentLimits
{
    /// <summary>What their ids begin with, and their label.</summary>
    public const string Family = "tasks";

    /// <summary>The kind of work that they get when they do not say.</summary>
    public const string Kind = "task";

    /// <summary>Bytes of a body.</summary>
    public const int BodyBytes = 16 * 1024 * 1024;

    /// <summary>Requests of one agent that are held at the same time: it has a connection for each.</summary>
    public const int Polls = 64;

    /// <summary>Tasks of one agent at the same time, where its token says nothing: its program fetches far ahead of what it works on.</summary>
    public const int Slots = 256;

    /// <summary>Kinds, or models, that one may ask for.</summary>
    public const int Words = 32;

    /// <summary>The newest tasks that are counted.</summary>
    public const int Counted = 10_000;

    /// <summary>How long a request for work is held: clients give up after ten seconds.</summary>
    public static readonly TimeSpan Hold = TimeSpan.FromSeconds(5);

    /// <summary>Their bounds as hosts. A busy client asks for nothing while its queues are full.</summary>
    public static readonly PolledLimits Hosts = new(
        Family,
        Hosts: 2_000,
        HostsPerPlace: 64,
        RequestsPerMinute: 12_000,
        Busy: TimeSpan.FromSeconds(60),
        Idle: TimeSpan.FromSeconds(120)
    );

    /// <summary>Kinds whose answers are more than one JSON value.</summary>
    public static readonly IReadOnlyList<string> Elsewhere = ["chat", "completion", "http"];

    /// <summary>What is said of those.</summary>
    public static DoorError NotHere(string kind) =>
        DoorError.BadRequest(
            $"work of the kind \"{kind}\" is for `pollard agent --gateway`, which can stream its answers"
        );
}
