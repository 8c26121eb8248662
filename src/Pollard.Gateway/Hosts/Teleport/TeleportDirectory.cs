using System.Globalization;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>Where uploads lie until they are handed on, and logs for longer.</summary>
internal sealed class TeleportDirectory
{
    private readonly string _uploads;
    private readonly string _logs;
    private readonly TimeProvider _time;

    public TeleportDirectory(GatewayOptions options, TimeProvider time)
    {
        var root = options.TeleportDirectory ?? Path.Combine(Path.GetTempPath(), $"pollard-{Environment.ProcessId}");
        (_uploads, _logs, _time) = (Path.Combine(root, "uploads"), Path.Combine(root, "logs"), time);
    }

    /// <summary>A file for an upload.</summary>
    public TeleportFile NewUpload()
    {
        MakePrivate(_uploads);
        return TeleportFile.Create(_uploads);
    }

    /// <summary>Removes what a gateway has left that was killed.</summary>
    public void Clean()
    {
        if (!Directory.Exists(_uploads))
        {
            return;
        }

        foreach (var file in Directory.EnumerateFiles(_uploads, "*.part"))
        {
            File.Delete(file);
        }
    }

    /// <summary>Keeps logs of an agent and drops the oldest; null when logs of too many are kept.</summary>
    /// <param name="name">The agent's name, which may be anything.</param>
    /// <param name="file">The logs.</param>
    /// <param name="ct">Gives up.</param>
    public async Task<string?> KeepLogsAsync(string name, TeleportFile file, CancellationToken ct)
    {
        MakePrivate(_logs);
        var own = Path.Combine(_logs, FolderOf(name));
        if (!Directory.Exists(own) && Directory.EnumerateDirectories(_logs).Count() >= TeleportLimits.LogNames)
        {
            return null;
        }

        MakePrivate(own);
        var stamp = _time.GetUtcNow().UtcDateTime.ToString("yyyyMMdd'T'HHmmss'.'fff'Z'", CultureInfo.InvariantCulture);
        var path = Path.Combine(own, stamp + ".zip");
        await file.SaveAsync(path, ct);
        foreach (
            var old in Directory
                .EnumerateFiles(own)
                .OrderDescending(StringComparer.Ordinal)
                .Skip(TeleportLimits.LogsKept)
        )
        {
            File.Delete(old);
        }

        return path;
    }

    // One folder, whatever the name: nothing of it leads elsewhere, and no two names lead to one.
    private static string FolderOf(string name) =>
        string.Concat(
            name.Select(static c =>
                char.IsAsciiLetterOrDigit(c) || c is '-'
                    ? c.ToString()
                    : string.Create(CultureInfo.InvariantCulture, $"_{(int)c:x2}")
            )
        );

    private static void MakePrivate(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
