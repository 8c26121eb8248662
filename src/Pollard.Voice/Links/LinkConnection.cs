using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;

namespace Pollard.Voice.Links;

/// <summary>A TCP connection of a link: its frames, and what the kernel knows of how the other end is.</summary>
internal sealed class LinkConnection : IAsyncDisposable
{
    private const int TcpLevel = 6;
    private const int TcpInfo = 11;
    private const int TcpUserTimeout = 18;
    private const int SendBufferBytes = 64 * 1024; // A peer that reads no more is noticed after so much, not after megabytes.
    private const int InfoBytes = 192;
    private const int LastDataAt = 52; // In struct tcp_info of Linux: milliseconds since anything came.
    private const int LastAckAt = 56; // And since anything was acknowledged.
    private const int AcknowledgedAt = 120; // Bytes, of this side's, since the connection was made.
    private readonly Socket _socket;
    private readonly PipeReader _input;
    private readonly NetworkStream _stream;
    private readonly TimeProvider _time;
    private readonly ulong _acknowledgedBefore;
    private long _acknowledged;

    /// <param name="socket">Connected; it is this one's from now on.</param>
    /// <param name="time">The clock.</param>
    public LinkConnection(Socket socket, TimeProvider time)
    {
        (_socket, _time) = (socket, time);
        Peer = (IPEndPoint)socket.RemoteEndPoint!;
        Tune(socket);
        _stream = new NetworkStream(socket, ownsSocket: true);
        _input = PipeReader.Create(_stream, new StreamPipeReaderOptions(bufferSize: 16 * 1024, leaveOpen: true));
        _acknowledgedBefore = Look()?.Acknowledged ?? 0; // The handshake may count as a byte.
    }

    /// <summary>How long a peer may be gone before its connection is.</summary>
    public static TimeSpan DeadAfter { get; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a frame or hello may take from its first byte to its last.</summary>
    public static TimeSpan FrameWithin { get; } = TimeSpan.FromSeconds(10);

    /// <summary>The other end.</summary>
    public IPEndPoint Peer { get; }

    /// <summary>The process at the other end, by a name that no other has; null where it does not say.</summary>
    public string? PeerName { get; set; }

    /// <summary>Bytes that were written here.</summary>
    public long Written { get; private set; }

    /// <summary>Bytes of those that have reached the other machine; null where the system does not say.</summary>
    public long? Acknowledged
    {
        get
        {
            if (Look() is (_, var bytes))
            {
                _acknowledged = (long)(bytes - _acknowledgedBefore);
            }

            return OperatingSystem.IsLinux() ? _acknowledged : null; // What was known holds when the connection is gone.
        }
    }

    /// <summary>How long nothing at all has come from the other machine, not even a sign that it lives; null where the system does not say.</summary>
    public TimeSpan? Silence => Look()?.Silence;

    /// <summary>Reads the other side's hello.</summary>
    /// <exception cref="FrameException">It is none, or takes too long.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public async Task<CallId> ReadHelloAsync(CancellationToken ct) =>
        await ReadAsync<CallId>(Hello.TryRead, isBegun: true, ct)
        ?? throw new FrameException("it ended without a hello");

    /// <summary>Reads the next frame; null: the other side has ended the connection.</summary>
    /// <exception cref="FrameException">It is none, or takes too long.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public ValueTask<LinkFrame?> ReadAsync(FrameCodec codec, CancellationToken ct) =>
        ReadAsync<LinkFrame>(codec.TryRead, isBegun: false, ct);

    /// <summary>Reads what a parser takes; null: the other side has ended the connection.</summary>
    /// <param name="parser">Takes it from what has come.</param>
    /// <param name="isBegun">True: it has its time from now on; false: from its first byte.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="FrameException">It is none, or takes too long.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public async ValueTask<T?> ReadAsync<T>(LinkParser<T> parser, bool isBegun, CancellationToken ct)
        where T : struct
    {
        CancellationTokenSource? late = null;
        CancellationTokenSource? either = null;
        try
        {
            while (true)
            {
                if (isBegun && either is null)
                {
                    late = new CancellationTokenSource(FrameWithin, _time);
                    either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
                }

                var read = await _input.ReadAsync(either?.Token ?? ct);
                var buffer = read.Buffer;
                if (parser(ref buffer, out var value))
                {
                    _input.AdvanceTo(buffer.Start);
                    return value;
                }

                isBegun = isBegun || !buffer.IsEmpty;
                var isEmpty = buffer.IsEmpty;
                _input.AdvanceTo(buffer.Start, buffer.End);
                if (read.IsCompleted)
                {
                    return isEmpty ? null : throw new FrameException("the connection ended in the middle of a frame");
                }
            }
        }
        catch (OperationCanceledException)
            when (late is { IsCancellationRequested: true } && !ct.IsCancellationRequested)
        {
            throw new FrameException($"what was begun was not whole within {FrameWithin.TotalSeconds:0} s");
        }
        finally
        {
            either?.Dispose();
            late?.Dispose();
        }
    }

    /// <summary>Writes bytes. They are in the kernel when it returns, and with the other machine later.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        await _stream.WriteAsync(bytes, ct);
        Written += bytes.Length;
    }

    /// <summary>Says that nothing more will be written, and waits a little until the other side has heard all.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public async Task EndAsync(CancellationToken ct)
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException e)
        {
            throw new IOException("the connection broke", e);
        }

        while (Acknowledged < Written)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), _time, ct);
        }
    }

    /// <summary>Breaks the connection: what waits for it ends.</summary>
    public void Abort() => _socket.Close(timeout: 0);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _input.CompleteAsync();
        await _stream.DisposeAsync();
    }

    private (TimeSpan Silence, ulong Acknowledged)? Look()
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        try
        {
            Span<byte> info = stackalloc byte[InfoBytes];
            return _socket.GetRawSocketOption(TcpLevel, TcpInfo, info) < AcknowledgedAt + sizeof(ulong)
                ? null
                : (
                    TimeSpan.FromMilliseconds(
                        Math.Min(
                            BinaryPrimitives.ReadUInt32LittleEndian(info[LastDataAt..]),
                            BinaryPrimitives.ReadUInt32LittleEndian(info[LastAckAt..])
                        )
                    ),
                    BinaryPrimitives.ReadUInt64LittleEndian(info[AcknowledgedAt..])
                );
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }

    // A probe a second where nothing is said, so that a machine that is gone is noticed by its silence. Peers never see any of it.
    private static void Tune(Socket socket)
    {
        socket.NoDelay = true;
        socket.SendBufferSize = SendBufferBytes;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, optionValue: true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 1);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 1);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 2);
        if (OperatingSystem.IsLinux())
        {
            Span<byte> timeout = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(timeout, (int)DeadAfter.TotalMilliseconds);
            socket.SetRawSocketOption(TcpLevel, TcpUserTimeout, timeout);
        }
    }
}

/// <summary>Takes something from what has come. False: not all of it is there yet.</summary>
internal delegate bool LinkParser<T>(ref ReadOnlySequence<byte> input, out T value);
