using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Pollard.Voice.Legs.Sip;

/// <summary>
/// Messages on a connection of TCP, told apart by their lengths. One loop reads and one writes; a side that does not read what it is sent is
/// let go.
/// </summary>
internal sealed class SipStream : IDisposable
{
    private const int MostUnsent = 64; // Messages.
    private const int MostBytes = SipParser.MostHeadBytes + SipParser.MostBodyBytes;
    private static readonly TimeSpan MessageWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstWithin = TimeSpan.FromSeconds(32);
    private readonly Socket _socket;
    private readonly TimeProvider _time;
    private readonly byte[] _bytes = new byte[MostBytes];
    private readonly Channel<byte[]> _unsent = Channel.CreateBounded<byte[]>(MostUnsent);
    private int _count;
    private volatile bool _isClosed;

    /// <param name="socket">The connection, which stays its owner's until the stream is disposed.</param>
    /// <param name="time">The clock.</param>
    public SipStream(Socket socket, TimeProvider time)
    {
        (_socket, _time) = (socket, time);
        // A phone may say nothing for as long as a call lasts; its kernel tells whether it is there.
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        Remote = (IPEndPoint)socket.RemoteEndPoint!;
    }

    /// <summary>The other side.</summary>
    public IPEndPoint Remote { get; }

    /// <summary>Whether the connection is open, as far as is known.</summary>
    public bool IsOpen => !_isClosed;

    /// <summary>Sends a message, which waits its turn.</summary>
    public void Send(byte[] message)
    {
        if (!_unsent.Writer.TryWrite(message))
        {
            Dispose();
        }
    }

    /// <summary>Hears messages until the connection ends, or something comes that is none.</summary>
    /// <param name="hear">Is told each, and what is wrong with it; returns at once.</param>
    /// <param name="ct">Ends it.</param>
    public async Task RunAsync(Action<SipMessage, string?> hear, CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var writing = WriteAsync(over.Token);
        try
        {
            await ReadAsync(hear, over.Token);
        }
        finally
        {
            _isClosed = true;
            _unsent.Writer.TryComplete();
            // There may be something to say still, as that it was no message.
            await writing.WaitAsync(MessageWithin, _time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await over.CancelAsync();
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isClosed = true;
        _unsent.Writer.TryComplete();
        _socket.Dispose();
    }

    private async Task WriteAsync(CancellationToken ct)
    {
        await foreach (var message in _unsent.Reader.ReadAllAsync(ct))
        {
            for (var sent = 0; sent < message.Length; )
            {
                sent += await _socket.SendAsync(message.AsMemory(sent), ct);
            }
        }
    }

    private async Task ReadAsync(Action<SipMessage, string?> hear, CancellationToken ct)
    {
        for (var within = FirstWithin; ; within = Timeout.InfiniteTimeSpan)
        {
            if (!await TryFillAsync(1, within, ct))
            {
                return;
            }

            // Ends of lines between messages are signs of life.
            var begin = _bytes.AsSpan(0, _count).IndexOfAnyExcept((byte)'\r', (byte)'\n');
            Remove(begin < 0 ? _count : begin);
            if (_count > 0 && !await TryReadMessageAsync(hear, ct))
            {
                return;
            }
        }
    }

    private async Task<bool> TryReadMessageAsync(Action<SipMessage, string?> hear, CancellationToken ct)
    {
        int headBytes;
        while ((headBytes = SipParser.HeadBytesOf(_bytes.AsSpan(0, _count))) < 0)
        {
            if (_count >= SipParser.MostHeadBytes || !await TryFillAsync(_count + 1, MessageWithin, ct))
            {
                return false;
            }
        }

        SipMessage? message = null;
        var problem =
            headBytes > SipParser.MostHeadBytes ? null : SipParser.ReadHead(_bytes.AsSpan(0, headBytes), out message);
        if (message is null)
        {
            return false;
        }

        if (SipParser.BodyBytesOf(message) is not { } bodyBytes)
        {
            hear(message, "its Content-Length is missing, or not one that may be"); // And where the next begins nobody knows.
            return false;
        }

        if (!await TryFillAsync(headBytes + bodyBytes, MessageWithin, ct))
        {
            return false;
        }

        hear(message, problem ?? SipParser.ReadBody(_bytes.AsSpan(headBytes, bodyBytes), message));
        Remove(headBytes + bodyBytes);
        return true;
    }

    // Reads until so many bytes are there.
    private async Task<bool> TryFillAsync(int count, TimeSpan within, CancellationToken ct)
    {
        if (_count >= count)
        {
            return true;
        }

        using var late = new CancellationTokenSource(within, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        while (_count < count)
        {
            var read = await _socket.ReceiveAsync(_bytes.AsMemory(_count), either.Token);
            if (read == 0)
            {
                return false;
            }

            _count += read;
        }

        return true;
    }

    private void Remove(int count)
    {
        _bytes.AsSpan(count, _count - count).CopyTo(_bytes);
        _count -= count;
    }
}
