namespace Pollard.Storage.Sqlite;

/// <summary>
/// For tests: all that was done to the files of a directory, in order, so that what a disk may hold after a loss of power can
/// be made of it. An operation is noted when it has ended well.
/// </summary>
internal sealed class VfsRecord
{
    private readonly Lock _gate = new();
    private readonly List<Entry> _entries = [];

    /// <summary>Operations so far.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>All operations so far.</summary>
    public Entry[] ToArray()
    {
        lock (_gate)
        {
            return [.. _entries];
        }
    }

    public void Wrote(string file, ReadOnlySpan<byte> bytes, long offset) =>
        Add(new Entry(file, VfsOperation.Write, offset, bytes.ToArray()));

    /// <summary>The file was cut to, or lengthened to, <paramref name="length"/> bytes.</summary>
    public void Truncated(string file, long length) => Add(new Entry(file, VfsOperation.Truncate, length, []));

    /// <summary>The first <paramref name="operations"/> operations are safe, as far as they are the file's.</summary>
    public void Synced(string file, int operations) => Add(new Entry(file, VfsOperation.Sync, operations, []));

    private void Add(Entry entry)
    {
        lock (_gate)
        {
            _entries.Add(entry);
        }
    }

    /// <param name="File">The whole path.</param>
    /// <param name="Operation">Write, sync or truncate.</param>
    /// <param name="At">The offset of a write, the length after a truncation, the operations before a sync.</param>
    /// <param name="Bytes">What was written.</param>
    internal sealed record Entry(string File, VfsOperation Operation, long At, byte[] Bytes);
}
