using System.Buffers;
using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Pollard.Agent.Backends.Commands;

/// <summary>
/// Finds and kills the processes of a run by the mark in their environment and by their session. A tool's own children may
/// leave its process group, and then its tree when their parent ends; the mark they keep. Linux alone has such a table.
/// </summary>
internal static class ProcessTable
{
    /// <summary>The variable that bears a run's mark.</summary>
    public const string Variable = "POLLARD_RUN";

    private const int Terminate = 15;
    private const int Kill = 9;
    private const int MostEnvironmentBytes = 256 * 1024;
    private const int MostRounds = 50;
    private static readonly TimeSpan BetweenRounds = TimeSpan.FromMilliseconds(10);

    /// <summary>Asks a process group to end.</summary>
    public static void AskToEnd(int group) => Send(-group, Terminate);

    /// <summary>Kills all that bears the mark or is of a session, until none is left.</summary>
    /// <returns>How many there were.</returns>
    public static async Task<int> KillAllAsync(string mark, int? session, TimeProvider time)
    {
        HashSet<int> killed = [];
        var entry = Encoding.UTF8.GetBytes($"{Variable}={mark}");
        for (var round = 0; round < MostRounds; round++) // They may start others while they are looked for.
        {
            var found = Find(entry, session);
            if (found.Count == 0)
            {
                break;
            }

            foreach (var id in found)
            {
                Send(id, Kill);
                killed.Add(id);
            }

            // No token: this is what a cancelled run waits for, and it is short.
            await Task.Delay(BetweenRounds, time, CancellationToken.None);
        }

        return killed.Count;
    }

    private static List<int> Find(byte[] entry, int? session)
    {
        List<int> found = [];
        HashSet<int> sessions = session is { } own ? [own] : [];
        List<(int Id, int Session)> others = [];
        var room = ArrayPool<byte>.Shared.Rent(MostEnvironmentBytes);
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (
                !int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id)
                || id == Environment.ProcessId
                || SessionOf(folder) is not { } itsSession
            )
            {
                continue;
            }

            if (Bears(folder, entry, room))
            {
                found.Add(id);
                if (itsSession == id)
                {
                    sessions.Add(id); // Whoever cleared its environment is still of the session that the mark began.
                }
            }
            else
            {
                others.Add((id, itsSession));
            }
        }

        ArrayPool<byte>.Shared.Return(room);
        found.AddRange(others.Where(other => sessions.Contains(other.Session)).Select(other => other.Id));
        return found;
    }

    /// <summary>The session of a process that lives; null for one that has ended and waits to be asked for its exit code.</summary>
    private static int? SessionOf(string folder)
    {
        if (Read(Path.Combine(folder, "stat")) is not { } stat)
        {
            return null;
        }

        // "id (name) state parent group session ...": the name may hold anything, brackets too.
        var fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return
            fields.Length > 3
            && fields[0] is not ("Z" or "X")
            && int.TryParse(fields[3], CultureInfo.InvariantCulture, out var session)
            ? session
            : null;
    }

    private static bool Bears(string folder, byte[] entry, byte[] room)
    {
        try
        {
            using var file = File.OpenRead(Path.Combine(folder, "environ"));
            ReadOnlySpan<byte> all = room.AsSpan(0, file.ReadAtLeast(room, room.Length, throwOnEndOfStream: false));
            foreach (var range in all.Split((byte)0))
            {
                if (all[range].SequenceEqual(entry))
                {
                    return true;
                }
            }

            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // It has ended, or is somebody else's.
        }
    }

    private static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static void Send(int id, int signal)
    {
        const int NoSuchProcess = 3;
        const int NotOurs = 1;
        if (
            SendSignal(id, signal) != 0
            && Marshal.GetLastPInvokeError() is var error and not (NoSuchProcess or NotOurs)
        )
        {
            throw new Win32Exception(error);
        }
    }

    [System.Diagnostics.CodeAnalysis.SuppressMessage(
        "Interoperability",
        "SYSLIB1054",
        Justification = "Two numbers need no marshalling, and so no unsafe code in this project."
    )]
    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int SendSignal(int id, int signal);
}
