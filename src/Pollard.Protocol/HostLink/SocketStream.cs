using System.Net.WebSockets;

namespace Pollard.Protocol.HostLink;

/// <summary>
/// The messages of a WebSocket as one stream, each write a message. Unlike the framework's own stream of this kind it survives a
/// read that is cancelled: a socket whose pending receive is cancelled is torn down, with all that was still to be sent.
/// </summary>
internal sealed class SocketStream(WebSocket socket) : Stream
{
    private Task<ValueWebSocketReceiveResult>? _waiting;
    private bool _isOver;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>
    /// Reads what is there of a message; 0 when the other end has said that no more comes. A read of nothing waits until there is
    /// something, and only that may be cancelled: pipes read so.
    /// </summary>
    /// <exception cref="IOException">The connection is gone, which no more reads change.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            while (!_isOver)
            {
                ValueWebSocketReceiveResult received;
                if (buffer.IsEmpty)
                {
                    // Goes on when nobody waits for it any more; the next read takes it up.
                    _waiting ??= socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None).AsTask();
                    received = await _waiting.WaitAsync(cancellationToken);
                    _waiting = null;
                }
                else
                {
                    received = await socket.ReceiveAsync(buffer, CancellationToken.None);
                }

                _isOver = received.MessageType == WebSocketMessageType.Close;
                if (received.Count > 0 || buffer.IsEmpty)
                {
                    return received.Count; // An empty message is no end.
                }
            }

            return 0;
        }
        catch (WebSocketException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Sends one message.</summary>
    /// <exception cref="IOException">The connection is gone.</exception>
    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer,
        CancellationToken cancellationToken = default
    )
    {
        try
        {
            await socket.SendAsync(buffer, WebSocketMessageType.Binary, endOfMessage: true, cancellationToken);
        }
        catch (WebSocketException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
