using System.Diagnostics;
using System.Globalization;

namespace Pollard.Agent.Owner;

/// <summary>
/// When a person used this machine last, on Linux: what logind says of all sessions (desktops tell it, of terminals it looks at the
/// last key), or, where there is no logind, when something was typed last on any terminal. Who only lets programs run does not use it.
/// </summary>
public static class MachineUse
{
    private const int AnswersWithinMilliseconds = 2000;
    private const string IdleSince = "IdleSinceHint=";
    private static readonly DateTimeOffset Never = DateTimeOffset.UnixEpoch;

    /// <summary>True where that can be known.</summary>
    public static bool IsKnown => OperatingSystem.IsLinux();

    /// <summary>The moment; <paramref name="now"/> while it is being used, 1970 when nobody is there.</summary>
    public static DateTimeOffset Last(DateTimeOffset now) => OfSessions(now) ?? OfTerminals("/dev");

    /// <summary>What logind's answer says; null when it is none.</summary>
    internal static DateTimeOffset? Read(string answer, DateTimeOffset now)
    {
        var lines = answer.Split('\n', StringSplitOptions.TrimEntries);
        if (lines.Contains("IdleHint=no", StringComparer.Ordinal))
        {
            return now;
        }

        var since = lines.FirstOrDefault(static line => line.StartsWith(IdleSince, StringComparison.Ordinal));
        return
            lines.Contains("IdleHint=yes", StringComparer.Ordinal)
            && long.TryParse(since?[IdleSince.Length..], CultureInfo.InvariantCulture, out var microseconds)
            && microseconds >= 0
            && microseconds / 1000 <= now.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(microseconds / 1000)
            : null;
    }

    /// <summary>When a key was read last from a terminal below this folder.</summary>
    internal static DateTimeOffset OfTerminals(string devices)
    {
        var last = Never;
        foreach (var terminal in Terminals(devices))
        {
            var read = new DateTimeOffset(File.GetLastAccessTimeUtc(terminal));
            last = read > last ? read : last;
        }

        return last;
    }

    private static IEnumerable<string> Terminals(string devices)
    {
        var pseudo = Path.Combine(devices, "pts");
        return
        [
            .. Directory.Exists(pseudo) ? Directory.EnumerateFiles(pseudo).Where(IsNumbered) : [],
            .. Directory.EnumerateFiles(devices, "tty*").Where(IsNumbered),
        ];
    }

    private static bool IsNumbered(string path) =>
        Path.GetFileName(path).AsSpan().TrimStart("ty") is { Length: > 0 } number
        && !number.ContainsAnyExceptInRange('0', '9');

    private static DateTimeOffset? OfSessions(DateTimeOffset now)
    {
        try
        {
            var start = new ProcessStartInfo("loginctl", ["show-session", "-p", "IdleHint", "-p", "IdleSinceHint"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            };
            using var asked = Process.Start(start);
            if (asked is null || !asked.WaitForExit(AnswersWithinMilliseconds))
            {
                asked?.Kill();
                return null;
            }

            return asked.ExitCode == 0 ? Read(asked.StandardOutput.ReadToEnd(), now) : null;
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return null; // There is no logind here.
        }
    }
}
