using System.Buffers;
using System.Text.Json;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Http;

/// <summary>
/// The deltas of one line of a model server's answer, collected while a reader that cannot be awaited runs over it.
/// It is reused for each line, so that a token costs no allocation.
/// </summary>
internal sealed class DeltaBatch : IDisposable
{
    private const int LargestPiece = 64 * 1024;

    private readonly List<Piece> _pieces = [];
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(1024);
    private int _used;

    private readonly record struct Piece(DeltaKind Kind, ushort Choice, int Start, int Length);

    /// <summary>How many deltas there are.</summary>
    public int Count => _pieces.Count;

    public void Clear()
    {
        _pieces.Clear();
        _used = 0;
    }

    /// <summary>Adds the text of the string that the reader stands on, unless it is empty.</summary>
    public void AddText(DeltaKind kind, ushort choice, ref Utf8JsonReader json)
    {
        var room = Room(json.ValueSpan.Length);
        var length = JsonText.Copy(ref json, room);
        if (length > 0)
        {
            _pieces.Add(new(kind, choice, _used, length));
            _used += length;
        }
    }

    /// <summary>Adds bytes as they are.</summary>
    public void Add(DeltaKind kind, ushort choice, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        _pieces.Add(new(kind, choice, _used, bytes.Length));
        _used += bytes.Length;
    }

    /// <summary>Adds a result that is no text, in pieces that flow control can hold.</summary>
    public void AddBody(ReadOnlySpan<byte> body)
    {
        for (var at = 0; at < body.Length; at += LargestPiece)
        {
            Add(DeltaKind.Body, 0, body.Slice(at, Math.Min(LargestPiece, body.Length - at)));
        }
    }

    /// <summary>Hands the deltas on in order and forgets them.</summary>
    public async ValueTask WriteToAsync(IWorkOutput output, CancellationToken ct)
    {
        for (var i = 0; i < _pieces.Count; i++)
        {
            var piece = _pieces[i];
            await output.WriteAsync(piece.Kind, piece.Choice, _bytes.AsMemory(piece.Start, piece.Length), ct);
        }

        Clear();
    }

    public void Dispose()
    {
        var bytes = _bytes;
        _bytes = [];
        if (bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private Span<byte> Room(int length)
    {
        // A replacement character takes three bytes where one broken byte stood.
        var needed = _used + (length * 3);
        if (needed > _bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, _bytes.Length * 2));
            _bytes.AsSpan(0, _used).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }

        return _bytes.AsSpan(_used);
    }
}
