using System.IO.Compression;
using Pollard.Agent.Logs;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers.Teleport;

/// <summary>The agent's log files, where its server collects them.</summary>
internal static class TeleportLogs
{
    /// <summary>Bytes of log files, the newest first, that are sent.</summary>
    private const long MostBytes = LogFiles.MostFileBytes;

    /// <summary>Packs them into a file.</summary>
    /// <param name="logs">The log files; null: there are none.</param>
    /// <param name="path">Where the packed ones go.</param>
    /// <param name="output">Says what came of it.</param>
    public static TaskOutcome Pack(LogFiles? logs, string path, TeleportOutput output)
    {
        if (logs is null)
        {
            return output.Fail(
                new Messages.Fail
                {
                    Code = "not_allowed",
                    Message = "this agent keeps no log files: its owner may start it with --log-dir",
                    Retryable = false,
                }
            );
        }

        try
        {
            logs.Write(); // What was logged up to now, too.
            using var file = PrivateFile.Create(path, FileMode.Create);
            using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
            {
                foreach (var log in Newest(logs))
                {
                    Add(zip, log);
                }
            }

            file.Flush(flushToDisk: true);
            return new TaskOutcome(new TaskResult("""{"logs":true}"""u8.ToArray(), Body: path), IsFailure: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return output.Fail(
                new Messages.Fail
                {
                    Code = "agent_error",
                    Message = $"the log files cannot be packed: {e.Message}",
                    Retryable = false,
                }
            );
        }
    }

    private static IEnumerable<FileInfo> Newest(LogFiles logs)
    {
        var left = MostBytes;
        return logs.Newest().TakeWhile(file => (left -= file.Length) >= 0);
    }

    private static void Add(ZipArchive zip, FileInfo log)
    {
        using var entry = zip.CreateEntry(log.Name, CompressionLevel.Fastest).Open();
        using var file = log.Open(FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.CopyTo(entry);
    }
}
