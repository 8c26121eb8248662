using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>The bounds of Andy hosts, and how long they may be silent. All of them are strangers.</summary>
internal static class AndyLimits
{
    /// <summary>Hosts in all.</summary>
    public const int Hosts = 2_000;

    /// <summary>Hosts of one address.</summary>
    public const int HostsPerAddress = 64;

    /// <summary>Joins of one address within a minute.</summary>
    public const int JoinsPerMinute = 30;

    /// <summary>Requests of one address within a minute, those of all its hosts together.</summary>
    public const int RequestsPerMinute = 12_000;

    /// <summary>What is said to one that makes more.</summary>
    public static readonly DoorError CallsTooOften = new(
        429,
        "too_many_requests",
        string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"hosts of one address may make {RequestsPerMinute} requests a minute; call less often"
        )
    )
    {
        RetryAfter = MinuteCount.Minute,
    };

    /// <summary>Bytes of a request that is no result.</summary>
    public const int RequestBytes = 512 * 1024;

    /// <summary>Bytes of a result.</summary>
    public const int ResultBytes = 16 * 1024 * 1024;

    /// <summary>Work of one host at the same time, whatever it says.</summary>
    public const int Slots = 16;

    /// <summary>Work at the same time on a model whose host runs each in a thread of its own and does not say more.</summary>
    public const int SlotsPerModel = 2;

    /// <summary>How long a host may be silent before it is forgotten: three times the longest usual pause between its pings.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromSeconds(90);

    /// <summary>How long a host may be silent while it works.</summary>
    public static readonly TimeSpan Busy = TimeSpan.FromSeconds(45);

    /// <summary>The same for the oldest hosts, which ask for nothing while they work and ping once a minute.</summary>
    public static readonly TimeSpan BusySerial = TimeSpan.FromSeconds(75);

    /// <summary>How long an answer may take: every client gives its model 120 seconds.</summary>
    public static readonly TimeSpan Answer = TimeSpan.FromSeconds(130);

    /// <summary>How long a host's models are offered that does not ask for work: one of the oldest never does.</summary>
    public static readonly TimeSpan Unasked = TimeSpan.FromSeconds(30);

    /// <summary>The longest that a request for work is held whose client says nothing of time: it gives up after five seconds.</summary>
    public static readonly TimeSpan HoldUnsaid = TimeSpan.FromSeconds(4);

    /// <summary>The longest that a short poll is held: its client gives up after ten seconds.</summary>
    public static readonly TimeSpan HoldShort = TimeSpan.FromSeconds(7);

    /// <summary>The longest that any poll is held.</summary>
    public static readonly TimeSpan HoldMost = TimeSpan.FromSeconds(28);

    /// <summary>How much sooner than it asks a long poll is answered.</summary>
    public static readonly TimeSpan HoldMargin = TimeSpan.FromSeconds(2);
}
