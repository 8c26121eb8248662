using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Pollard.Voice.Tests.Links;

/// <summary>The other end of a link, by bare sockets: a service that listens, or a connection.</summary>
internal sealed class RawPeer : IDisposable
{
    private readonly Socket _socket;

    /// <summary>A service.</summary>
    public RawPeer(int port, int? receiveBufferBytes = null, IPAddress? at = null)
    {
        _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        if (receiveBufferBytes is { } bytes)
        {
            _socket.ReceiveBufferSize = bytes;
        }

        _socket.Bind(new IPEndPoint(at ?? IPAddress.Loopback, port));
        _socket.Listen();
    }

    private RawPeer(Socket socket) => _socket = socket;

    public int Port => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Bytes that came and were not read yet.</summary>
    public int Pending => _socket.Available;

    public static int FreePort()
    {
        using var peer = new RawPeer(0);
        return peer.Port;
    }

    public static async Task<RawPeer> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), Token);
        return new RawPeer(socket);
    }

    public async Task<RawPeer> AcceptAsync() =>
        new(await _socket.AcceptAsync(Token).AsTask().WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token));

    public void Write(ReadOnlySpan<byte> bytes) => _socket.Send(bytes);

    /// <summary>So many bytes, or fewer at the end.</summary>
    public async Task<byte[]> ReadAsync(int count)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        var bytes = new byte[count];
        var read = 0;
        while (read < count)
        {
            var some = await _socket.ReceiveAsync(bytes.AsMemory(read), limit.Token);
            if (some == 0)
            {
                break;
            }

            read += some;
        }

        return bytes[..read];
    }

    /// <summary>A length and so many bytes, as text: a frame, or a hello.</summary>
    public async Task<string> TextAsync() =>
        Encoding.UTF8.GetString(await ReadAsync(BinaryPrimitives.ReadInt32BigEndian(await ReadAsync(4))));

    public Task<string> HelloAsync() => TextAsync();

    /// <summary>Ends as a process does that is killed: at once, whatever is under way.</summary>
    public void Kill() => _socket.Close(timeout: 0);

    public void Dispose() => _socket.Dispose();
}
