namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>The bounds of teleport agents. Those of time and size are from what their program does.</summary>
internal static class TeleportLimits
{
    /// <summary>What their ids begin with, and their label.</summary>
    public const string Family = "teleport";

    /// <summary>The name of agents that do not say theirs.</summary>
    public const string UsualName = "teleport";

    /// <summary>Calls of one agent at the same time, where its token says nothing: it has as many threads.</summary>
    public const int Slots = 5;

    /// <summary>Bytes of a call's body, which the agent sends back to us with the result.</summary>
    public const int CallBodyBytes = 8 * 1024 * 1024;

    /// <summary>Bytes of a result in JSON: the call once more, and a body of up to 512,000 bytes as base64.</summary>
    public const int ResultBytes = 32 * 1024 * 1024;

    /// <summary>Bytes of an upload, and of what is in it.</summary>
    public const long UploadBytes = 4L * 1024 * 1024 * 1024;

    /// <summary>How many bytes one byte of an upload may unpack to, beyond <see cref="UnpackedFreely"/>: text packs to a tenth, logs to a hundredth.</summary>
    public const int UnpackRatio = 250;

    /// <summary>Bytes that any upload may unpack to.</summary>
    public const long UnpackedFreely = 64 * 1024 * 1024;

    /// <summary>Uploads that are taken at the same time; others wait.</summary>
    public const int Uploads = 8;

    /// <summary>Addresses to upload to that were given out and are not used up.</summary>
    public const int Addresses = 64;

    /// <summary>How many of those one token, key or address may have.</summary>
    public const int AddressesPerPlace = 16;

    /// <summary>Bytes that uploads leave free on the disk, which is the store's as well.</summary>
    public const long LeastFreeBytes = 1024L * 1024 * 1024;

    /// <summary>After so many bytes it is looked again how many are free.</summary>
    public const long LookEveryBytes = 64 * 1024 * 1024;

    /// <summary>Bytes of logs that an agent sends at once.</summary>
    public const long LogBytes = 32 * 1024 * 1024;

    /// <summary>How many times its logs are kept.</summary>
    public const int LogsKept = 5;

    /// <summary>Agents, by name, whose logs are kept.</summary>
    public const int LogNames = 200;

    /// <summary>Parts of a body with parts.</summary>
    public const int Parts = 8;

    /// <summary>Lines of an answer's header.</summary>
    public const int Fields = 200;

    /// <summary>Characters of an answer's header.</summary>
    public const int FieldCharacters = 32 * 1024;

    /// <summary>Refused agents that are held at the same time.</summary>
    public const int Refused = 256;

    /// <summary>How long a request for work is held: its client waits 100 seconds for an answer.</summary>
    public static readonly TimeSpan Hold = TimeSpan.FromSeconds(85);

    /// <summary>How long a refusal is held: its client asks again at once.</summary>
    public static readonly TimeSpan HoldRefused = TimeSpan.FromSeconds(10);

    /// <summary>The longest that a client heeds.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(300);

    /// <summary>How long an upload waits for its turn.</summary>
    public static readonly TimeSpan UploadWait = TimeSpan.FromSeconds(60);

    /// <summary>How long an address to upload to is good.</summary>
    public static readonly TimeSpan AddressLife = TimeSpan.FromMinutes(15);

    /// <summary>Their bounds as hosts.</summary>
    public static readonly PolledLimits Hosts = new(
        Family,
        Hosts: 2_000,
        HostsPerPlace: 64,
        RequestsPerMinute: 12_000,
        Busy: TimeSpan.FromSeconds(60),
        Idle: TimeSpan.FromSeconds(180)
    );
}
