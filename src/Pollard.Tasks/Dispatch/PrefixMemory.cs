namespace Pollard.Tasks.Dispatch;

/// <summary>
/// Which host read a beginning of a prompt last, of each owner for itself. A table of fixed size in which the new takes the
/// place of the old: what is forgotten costs a host some reading, and no more. Used under the engine's lock.
/// </summary>
internal sealed class PrefixMemory
{
    private const int Size = 16 * 1024; // A power of two; 256 KB.
    private (ulong Key, string HostId)[]? _entries; // Made for the first prompt that has something to remember.

    /// <summary>The host that read this beginning last, for this owner with this model; null when that is not known.</summary>
    public string? Find(in PromptPrefix prefix, TaskRow row)
    {
        if (prefix.Hash == 0 || _entries is null)
        {
            return null;
        }

        var key = KeyOf(prefix, row);
        ref var entry = ref _entries[key % Size];
        return entry.Key == key ? entry.HostId : null;
    }

    /// <summary>A host reads a prompt.</summary>
    public void Note(in PromptPrefixes prefixes, TaskRow row, string hostId)
    {
        Note(prefixes.Head, row, hostId);
        Note(prefixes.Whole, row, hostId);
    }

    private void Note(in PromptPrefix prefix, TaskRow row, string hostId)
    {
        if (prefix.Hash != 0)
        {
            _entries ??= new (ulong, string)[Size];
            var key = KeyOf(prefix, row);
            _entries[key % Size] = (key, hostId);
        }
    }

    // Nobody outside knows what strings hash to in this process, so nobody can aim at another owner's entries.
    private static ulong KeyOf(in PromptPrefix prefix, TaskRow row) =>
        (prefix.Hash ^ (uint)HashCode.Combine(row.Owner, row.Kind, row.Model)) * 0x9E37_79B9_7F4A_7C15;
}
