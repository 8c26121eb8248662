using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway;
using Pollard.Tasks;

namespace Pollard.Configuration;

/// <summary>The options of a gateway, the same on <c>up</c> and <c>serve</c>.</summary>
internal static class GatewaySettings
{
    private static readonly TaskEngineOptions EngineDefaults = new();

    private static readonly Option<string[]> Urls = CommonOptions.Texts(
        "--urls",
        "URL",
        $"Where clients are served; several parted by commas. Default: {Defaults.Gateway}"
    );

    private static readonly Option<string?> LinkUrl = CommonOptions.Text(
        "--link-url",
        "URL",
        "Where hosts link over clear-text HTTP/2, or none. Default: the port after the first of --urls"
    );

    private static readonly Option<bool> RequireKeys = CommonOptions.Switch(
        "--require-keys",
        "Ask for keys on loopback too; beyond it they are always asked for"
    );

    private static readonly Option<string[]> TrustedProxies = CommonOptions.Texts(
        "--trusted-proxies",
        "NETWORK",
        "Proxies to believe for whom they call (X-Forwarded-For), such as 10.0.0.7,172.18.0.0/16; turns keys on. Default: none"
    );

    private static readonly Option<string?> RunTimeout = CommonOptions.Text(
        "--run-timeout",
        "DURATION",
        "How long one try at a task may take that does not say. Default: 10m"
    );

    private static readonly Option<string?> MaxAttempts = CommonOptions.Text(
        "--max-attempts",
        "N",
        "Tries at a task that does not say. Default: 3"
    );

    private static readonly Option<string?> Retention = CommonOptions.Text(
        "--retention",
        "DURATION",
        "How long ended tasks are kept that do not say. Default: 1d"
    );

    private static readonly Option<string[]> RetentionOf = CommonOptions.Texts(
        "--retention-of",
        "KIND=DURATION",
        "The same for one kind of work, such as embedding=1h; may be given several times"
    );

    private static readonly Option<string?> KeepTasks = CommonOptions.Text(
        "--keep-tasks",
        "N",
        "Ended tasks that are kept at the most; the oldest go first. Default: any number"
    );

    private static readonly Option<string?> KeepMegabytes = CommonOptions.Text(
        "--keep-megabytes",
        "N",
        "What the store may take on disk before the oldest ended tasks go. Default: any size"
    );

    private static readonly Option<string?> MaxPending = CommonOptions.Text(
        "--max-pending",
        "N",
        "Tasks that may wait at the same time. Default: 200000"
    );

    private static readonly Option<string?> AccessLog = CommonOptions.Text(
        "--access-log",
        "FILE",
        "Where a line of JSON is added for each request; - is standard output. Default: nowhere"
    );

    public static Option[] All { get; } =
    [
        Urls,
        LinkUrl,
        RequireKeys,
        TrustedProxies,
        RunTimeout,
        MaxAttempts,
        Retention,
        RetentionOf,
        KeepTasks,
        KeepMegabytes,
        MaxPending,
        AccessLog,
        .. LongCallSettings.All,
        .. AndySettings.All,
        .. TeleportSettings.All,
    ];

    public static GatewayOptions ReadGateway(Settings settings)
    {
        var urls = settings.Texts(Urls);
        string[] wanted = urls.Count == 0 ? [Defaults.Gateway] : [.. urls];
        foreach (var url in wanted)
        {
            Parse(url, "--urls");
        }

        var options = new GatewayOptions
        {
            Urls = wanted,
            LinkUrl = settings.Text(LinkUrl) switch
            {
                null => NextTo(Parse(wanted[0], "--urls")),
                "none" => null,
                var url => Parse(url, "--link-url").ToString(),
            },
            RequireKeys = settings.IsOn(RequireKeys) ? true : null,
            AccessLogPath = ReadAccessLog(settings),
            TrustedProxies = [.. settings.Texts(TrustedProxies).Select(ReadNetwork)],
        };
        options = AndySettings.Read(settings, LongCallSettings.Read(settings, options));
        return TeleportSettings.Read(settings, options);
    }

    // Said at once: a gateway that finds out later that it cannot write would run without.
    private static string? ReadAccessLog(Settings settings)
    {
        if (settings.Text(AccessLog) is not { } path || path == "-")
        {
            return settings.Text(AccessLog);
        }

        try
        {
            File.Open(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete).Dispose();
            return Path.GetFullPath(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"{AccessLog.Name} is \"{path}\", which cannot be written: {e.Message}", e);
        }
    }

    /// <summary>An address to serve at, or null.</summary>
    public static string? ReadUrl(Settings settings, Option<string?> option) =>
        settings.Text(option) is { } url ? Parse(url, option.Name).ToString() : null;

    public static TaskEngineOptions ReadEngine(Settings settings) =>
        EngineDefaults with
        {
            RunTimeout = settings.Duration(RunTimeout) ?? EngineDefaults.RunTimeout,
            MaxAttempts = settings.Number(MaxAttempts, 1, 100) ?? EngineDefaults.MaxAttempts,
            Retention = settings.Duration(Retention) ?? EngineDefaults.Retention,
            RetentionByKind = ReadRetentionOf(settings),
            MostEndedTasks = settings.Number(KeepTasks, 0, int.MaxValue),
            MostStoreBytes = settings.Number(KeepMegabytes, 1, int.MaxValue) is { } megabytes
                ? megabytes * 1024L * 1024
                : null,
            MaxPending = settings.Number(MaxPending, 1, int.MaxValue) ?? EngineDefaults.MaxPending,
        };

    private static Dictionary<string, TimeSpan> ReadRetentionOf(Settings settings)
    {
        var kinds = new Dictionary<string, TimeSpan>(StringComparer.Ordinal);
        foreach (var text in settings.Texts(RetentionOf))
        {
            var at = text.IndexOf('=', StringComparison.Ordinal);
            kinds[at > 0 ? text[..at] : ""] =
                at > 0 && Durations.TryParse(text[(at + 1)..], out var kept)
                    ? kept
                    : throw new UsageException(
                        $"{RetentionOf.Name} has \"{text}\"; write it as in embedding=1h, with a duration such as 15m, 2h or 7d."
                    );
        }

        return kinds;
    }

    // Everybody is no proxy: whoever calls could then say that he is anybody.
    private static IPNetwork ReadNetwork(string text) =>
        IPAddress.TryParse(text, out var one)
            ? new IPNetwork(one, one.AddressFamily == AddressFamily.InterNetwork ? 32 : 128)
        : IPNetwork.TryParse(text, out var network) && network.PrefixLength > 0 ? network
        : throw new UsageException(
            $"{TrustedProxies.Name} has \"{text}\"; write the addresses of your proxies, such as 10.0.0.7 or 172.18.0.0/16."
        );

    private static string NextTo(BindingAddress address)
    {
        var port = address.Port == 0 ? 0 : address.Port + 1;
        return string.Create(CultureInfo.InvariantCulture, $"http://{address.Host}:{port}");
    }

    // Not a Uri: http://*:7655 is allowed here.
    private static BindingAddress Parse(string url, string source)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            return address is { Scheme: "http", IsUnixPipe: false, PathBase: "" }
                ? address
                : throw new UsageException(
                    $"{source} has \"{url}\"; only http:// and no path is served. For TLS put a proxy in front."
                );
        }
        catch (FormatException e)
        {
            throw new UsageException($"{source} has \"{url}\"; write an address such as {Defaults.Gateway}.", e);
        }
    }
}
