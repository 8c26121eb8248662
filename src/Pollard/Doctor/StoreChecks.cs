using System.Globalization;
using Pollard.Output;
using Pollard.Storage.Sqlite;
using Pollard.Tasks.Storage;

namespace Pollard.Doctor;

/// <summary>Whether what was kept is still what was written.</summary>
internal static class StoreChecks
{
    private const string Restore = "Stop the gateway, keep a copy of the data directory, and restore a backup.";

    public static IEnumerable<CheckResult> Run(string dataPath, bool full, TimeProvider time, CancellationToken ct)
    {
        StoreCheckup? checkup;
        try
        {
            var options = new SqliteStoreOptions { Directory = dataPath };
            checkup = new SqliteCheckup(options, time, Random.Shared).Run(full, ct);
        }
        catch (StoreException e)
        {
            return [CheckResult.Fail("store", e.Message, Restore)];
        }

        return checkup is null ? [CheckResult.Ok("store", "none yet")]
            : checkup.Structure.Count > 0 ? [Structure(checkup, dataPath)]
            : [Structure(checkup, dataPath), Checksums(checkup)];
    }

    private static CheckResult Structure(StoreCheckup checkup, string dataPath) =>
        checkup.Structure.Count > 0
            ? CheckResult.Fail(
                "store",
                $"its structure is damaged: {checkup.Structure[0].ReplaceLineEndings(" ")}",
                Restore
            )
        : checkup.Finished ? CheckResult.Ok("store", $"{Size(dataPath)}, its structure is sound")
        : CheckResult.Warn(
            "store",
            "no fault in the part of its structure that was seen in time",
            "To see all of it, however long that takes: pollard doctor --full"
        );

    private static string Size(string dataPath) =>
        DiskChecks.Bytes(new FileInfo(Path.Combine(dataPath, "pollard.db")).Length);

    private static CheckResult Checksums(StoreCheckup checkup)
    {
        var count = checkup.Bodies.ToString("N0", CultureInfo.InvariantCulture);
        return checkup.Damaged.Count > 0
            ? CheckResult.Fail(
                "checksums",
                $"damaged on disk: {string.Join(", ", checkup.Damaged)}",
                "The tasks named cannot be read whole any more. Restore a backup, or hand them in again; and look after the disk."
            )
            : CheckResult.Ok(
                "checksums",
                checkup.AreAll
                    ? $"all {count} bodies are as they were written"
                    : $"a sample of {count} bodies is as it was written; --full looks at all"
            );
    }
}
