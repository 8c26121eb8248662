using System.Buffers;

namespace Pollard.Agent.Backends.Http;

/// <summary>
/// Cuts a stream into lines that end in a line feed, with or without a carriage return before it. A line is a slice of
/// one pooled buffer and stands until the next read.
/// </summary>
internal sealed class LineReader(Stream stream, int longestLineBytes, long longestStreamBytes) : IDisposable
{
    private const int SmallestBuffer = 8 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(SmallestBuffer);
    private int _start;
    private int _searched;
    private int _end;
    private long _total;
    private bool _atEnd;

    /// <summary>Takes the next line, if it is already here.</summary>
    public bool TryRead(out ReadOnlyMemory<byte> line)
    {
        // hot: once a token
        var feed = _buffer.AsSpan(_searched, _end - _searched).IndexOf((byte)'\n');
        if (feed < 0 && (!_atEnd || _start == _end))
        {
            _searched = _end;
            line = default;
            return false;
        }

        var end = feed < 0 ? _end : _searched + feed;
        line = _buffer.AsMemory(_start, end - _start);
        if (line.Length > 0 && line.Span[^1] == '\r')
        {
            line = line[..^1];
        }

        _start = _searched = feed < 0 ? _end : end + 1;
        return true;
    }

    /// <summary>Reads more of the stream. False: it has ended, and <see cref="TryRead"/> gives what is left.</summary>
    /// <exception cref="LineTooLongException">A line or the stream is longer than it may be.</exception>
    public async ValueTask<bool> FillAsync(CancellationToken ct)
    {
        if (_atEnd)
        {
            return false;
        }

        MakeRoom();
        var read = await stream.ReadAsync(_buffer.AsMemory(_end), ct);
        _end += read;
        _total += read;
        _atEnd = read == 0;
        if (_total > longestStreamBytes)
        {
            throw new LineTooLongException(longestStreamBytes);
        }

        return !_atEnd;
    }

    public void Dispose()
    {
        var buffer = _buffer;
        _buffer = [];
        _start = _searched = _end = 0;
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void MakeRoom()
    {
        if (_start == _end)
        {
            _start = _searched = _end = 0;
        }

        if (_end < _buffer.Length)
        {
            return;
        }

        var length = _end - _start;
        if (length >= longestLineBytes)
        {
            throw new LineTooLongException(longestLineBytes);
        }

        var target = length > _buffer.Length / 2 ? ArrayPool<byte>.Shared.Rent(_buffer.Length * 2) : _buffer;
        _buffer.AsSpan(_start, length).CopyTo(target);
        if (target != _buffer)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = target;
        }

        _searched -= _start;
        _end = length;
        _start = 0;
    }
}

/// <summary>A line or a stream is longer than it may be.</summary>
internal sealed class LineTooLongException(long bytes) : IOException($"more than {bytes} bytes")
{
    /// <summary>The bound.</summary>
    public long Bytes => bytes;
}
