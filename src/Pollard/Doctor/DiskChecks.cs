using System.Globalization;
using Pollard.Output;

namespace Pollard.Doctor;

/// <summary>Whether tasks can be kept: the data directory, its disk, and how fast that disk gives its word.</summary>
internal static class DiskChecks
{
    private const long EnoughBytes = 2L << 30;
    private const long TooFewBytes = 256L << 20; // Below it the store takes no new tasks.
    private const double SlowSyncs = 100;
    private static readonly TimeSpan MeasureFor = TimeSpan.FromMilliseconds(500);

    public static IEnumerable<CheckResult> Run(string dataPath, TimeProvider time)
    {
        if (NearestFolder(dataPath) is not { } folder)
        {
            yield return CheckResult.Fail(
                "data directory",
                $"{dataPath}: no part of the path exists",
                "Name another one with --data or POLLARD_DATA."
            );
            yield break;
        }

        var exists = Directory.Exists(dataPath);
        if (Measure(folder, time) is not { } syncsPerSecond)
        {
            yield return CheckResult.Fail(
                "data directory",
                $"{folder} cannot be written to",
                "Give this user the right to write there, or name another one with --data or POLLARD_DATA."
            );
            yield break;
        }

        yield return CheckResult.Ok(
            "data directory",
            exists ? dataPath : $"{dataPath} (not there yet; it is made at the first start)"
        );
        yield return Space(folder);
        yield return Syncs(syncsPerSecond);
    }

    private static CheckResult Space(string folder)
    {
        var drive = new DriveInfo(folder);
        var free = drive.AvailableFreeSpace;
        var found = $"{Bytes(free)} free ({drive.DriveFormat})";
        return free switch
        {
            < TooFewBytes => CheckResult.Fail(
                "free space",
                found,
                "Make room: with so little, no new tasks are taken."
            ),
            < EnoughBytes => CheckResult.Warn(
                "free space",
                found,
                "Make room soon, or keep ended tasks for a shorter time with --retention."
            ),
            _ => CheckResult.Ok("free space", found),
        };
    }

    private static CheckResult Syncs(double perSecond)
    {
        var found = string.Create(CultureInfo.InvariantCulture, $"{perSecond:0} fsyncs a second");
        return perSecond >= SlowSyncs
            ? CheckResult.Ok("disk speed", found)
            : CheckResult.Warn(
                "disk speed",
                found,
                $"Each accepted task waits for the disk, here about {1000 / Math.Max(perSecond, 0.1):0} ms. Put the data directory on an SSD."
            );
    }

    // What a commit does, without the database: write a page, wait until it is on the disk.
    private static double? Measure(string folder, TimeProvider time)
    {
        var path = Path.Combine(folder, $".pollard-doctor-{Environment.ProcessId}");
        var page = new byte[4096];
        try
        {
            using var file = new FileStream(
                path,
                new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    BufferSize = 0,
                    Options = FileOptions.DeleteOnClose,
                }
            );
            var syncs = 0;
            var since = time.GetTimestamp();
            while (time.GetElapsedTime(since) < MeasureFor)
            {
                file.Write(page);
                file.Flush(flushToDisk: true);
                syncs++;
            }

            return syncs / time.GetElapsedTime(since).TotalSeconds;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? NearestFolder(string path)
    {
        var folder = (string?)path;
        while (folder is not null && !Directory.Exists(folder))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder;
    }

    internal static string Bytes(long bytes) =>
        bytes switch
        {
            >= 1L << 30 => Format(bytes / (double)(1L << 30), "GB"),
            >= 1L << 20 => Format(bytes / (double)(1L << 20), "MB"),
            _ => Format(bytes / 1024.0, "KB"),
        };

    private static string Format(double amount, string unit) =>
        string.Create(CultureInfo.InvariantCulture, $"{amount:0.#} {unit}");
}
