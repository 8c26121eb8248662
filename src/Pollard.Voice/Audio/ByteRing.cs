using System.Diagnostics;

namespace Pollard.Voice.Audio;

/// <summary>Bytes in the order in which they came, as many as fit; it grows up to that. Not for several threads.</summary>
internal sealed class ByteRing(int mostBytes)
{
    private const int FirstBytes = 8_192; // A second of telephony: most calls never hold more.
    private byte[] _bytes = new byte[Math.Min(FirstBytes, mostBytes)];
    private int _first;

    /// <summary>Bytes that are here.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes that still fit.</summary>
    public int Room => mostBytes - Count;

    /// <summary>Adds bytes, for which there must be room.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        Debug.Assert(bytes.Length <= Room, "there must be room");
        if (Count + bytes.Length > _bytes.Length)
        {
            Grow(Count + bytes.Length);
        }

        var at = (_first + Count) % _bytes.Length;
        var straight = Math.Min(bytes.Length, _bytes.Length - at);
        bytes[..straight].CopyTo(_bytes.AsSpan(at));
        bytes[straight..].CopyTo(_bytes);
        Count += bytes.Length;
    }

    /// <summary>Takes as many bytes as there is room for, or all.</summary>
    public int Take(Span<byte> bytes)
    {
        var count = Math.Min(bytes.Length, Count);
        var straight = Math.Min(count, _bytes.Length - _first);
        _bytes.AsSpan(_first, straight).CopyTo(bytes);
        _bytes.AsSpan(0, count - straight).CopyTo(bytes[straight..]);
        Skip(count);
        return count;
    }

    /// <summary>Forgets the first of them.</summary>
    public void Skip(int count)
    {
        Debug.Assert(count <= Count, "they must be here");
        Count -= count;
        _first = (_first + count) % _bytes.Length;
    }

    private void Grow(int needed)
    {
        var larger = new byte[Math.Min(Math.Max(needed, _bytes.Length * 2), mostBytes)];
        var count = Take(larger);
        (_bytes, _first, Count) = (larger, 0, count);
    }
}
