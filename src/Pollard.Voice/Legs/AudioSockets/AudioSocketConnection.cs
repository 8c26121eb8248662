using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Pollard.Voice.Legs.AudioSockets;

/// <summary>A connection that has frames. One reads it, and one writes.</summary>
internal sealed class AudioSocketConnection : IAsyncDisposable
{
    private const int SendBytes = 16_384; // A second: the kernel would keep minutes for who does not read, to be heard late.
    private readonly NetworkStream _stream;
    private readonly BufferedStream _reading; // Frames are small, and several come at once after a standstill.
    private readonly byte[] _buffer = new byte[AudioSocketFrame.MostBytes];

    public AudioSocketConnection(Socket socket)
    {
        Peer = socket.RemoteEndPoint!;
        socket.SendBufferSize = SendBytes;
        _stream = new NetworkStream(socket);
        _reading = new BufferedStream(_stream);
    }

    /// <summary>Who is at the other end.</summary>
    public EndPoint Peer { get; }

    /// <summary>Reads a frame.</summary>
    /// <returns>Its payload lasts until the next.</returns>
    /// <exception cref="EndOfStreamException">There is none any more, or it is cut off.</exception>
    /// <exception cref="InvalidDataException">It is too long.</exception>
    public async ValueTask<(AudioSocketKind Kind, ReadOnlyMemory<byte> Payload)> ReadAsync(CancellationToken ct)
    {
        await _reading.ReadExactlyAsync(_buffer.AsMemory(0, AudioSocketFrame.HeadBytes), ct);
        var kind = (AudioSocketKind)_buffer[0];
        var bytes = BinaryPrimitives.ReadUInt16BigEndian(_buffer.AsSpan(1));
        if (bytes > AudioSocketFrame.MostBytes)
        {
            throw new InvalidDataException($"a frame has {bytes} bytes, and may have {AudioSocketFrame.MostBytes}");
        }

        await _reading.ReadExactlyAsync(_buffer.AsMemory(0, bytes), ct);
        return (kind, _buffer.AsMemory(0, bytes));
    }

    /// <summary>Writes a frame.</summary>
    public ValueTask WriteAsync(byte[] frame, CancellationToken ct) => _stream.WriteAsync(frame, ct);

    /// <summary>
    /// Writes nothing more, and waits until the other side does not either: what it sends to a closed connection would make its kernel
    /// forget what we said last.
    /// </summary>
    public async Task FinishAsync(CancellationToken ct)
    {
        _stream.Socket.Shutdown(SocketShutdown.Send);
        while (await _stream.ReadAsync(_buffer, ct) > 0)
        {
            // It has not heard yet that the call is over.
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _stream.DisposeAsync();
}
