using Pollard.Storage.Sqlite;

namespace Pollard.Storage.Tests.Sqlite;

/// <summary>
/// What a disk holds when the power fails at some moment: of each file all that was synced, and of what was written since then
/// anything. Writes are lost, torn at sectors, or there although earlier ones are not.
/// </summary>
internal sealed class PowerLoss
{
    private const int SectorBytes = 512;
    private readonly Dictionary<string, byte[]> _before = new(StringComparer.Ordinal);

    /// <summary>Takes the files of a directory as they are now: they count as synced.</summary>
    public PowerLoss(string directory)
    {
        foreach (var path in Directory.GetFiles(directory, "pollard.db*"))
        {
            if (!path.EndsWith("-shm", StringComparison.Ordinal)) // Shared memory, which no power loss outlives.
            {
                _before[path] = ReadShared(path);
            }
        }
    }

    /// <summary>Lays out what may be left after the first <paramref name="moment"/> of these operations.</summary>
    public void Leave(VfsRecord.Entry[] operations, int moment, Random random, string directory)
    {
        var files = _before.Keys.Concat(operations.Take(moment).Select(entry => entry.File)).Distinct().ToList();
        foreach (var file in files)
        {
            var content = Leave(file, operations.AsSpan(0, moment), random);
            File.WriteAllBytes(Path.Combine(directory, Path.GetFileName(file)), content);
        }
    }

    private byte[] Leave(string file, ReadOnlySpan<VfsRecord.Entry> operations, Random random)
    {
        var synced = 0L;
        foreach (var entry in operations)
        {
            synced = entry.Operation == VfsOperation.Sync && entry.File == file ? Math.Max(synced, entry.At) : synced;
        }

        var content = new MemoryStream();
        content.Write(_before.GetValueOrDefault(file, []));
        var unsynced = (Unsynced)random.Next(4);
        for (var i = 0; i < operations.Length; i++)
        {
            if (operations[i] is { Operation: not VfsOperation.Sync } entry && entry.File == file)
            {
                Apply(content, entry, i < synced ? Unsynced.Kept : unsynced, random);
            }
        }

        return content.ToArray();
    }

    private static void Apply(MemoryStream content, VfsRecord.Entry entry, Unsynced fate, Random random)
    {
        if (fate == Unsynced.Lost || (fate == Unsynced.Some && random.Next(2) == 0))
        {
            return;
        }

        if (entry.Operation == VfsOperation.Truncate)
        {
            content.SetLength(entry.At);
            return;
        }

        for (var from = 0; from < entry.Bytes.Length; )
        {
            var to = Math.Min(entry.Bytes.Length, from + SectorBytes - (int)((entry.At + from) % SectorBytes));
            if (fate != Unsynced.Torn || random.Next(2) == 0)
            {
                content.Position = entry.At + from;
                content.Write(entry.Bytes, from, to - from);
            }

            from = to;
        }
    }

    private static byte[] ReadShared(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>What becomes of writes that no sync has followed.</summary>
    private enum Unsynced
    {
        Lost,
        Kept,
        Some,
        Torn,
    }
}
