using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Pollard.Bench.Load;

/// <summary>One HTTP/1.1 connection with as little of its own work as can be, so that it does not measure itself.</summary>
internal sealed class HttpConnection : IDisposable
{
    private static readonly byte[] LastChunk = "0\r\n\r\n"u8.ToArray();
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
    {
        NoDelay = true,
    };
    private byte[] _buffer = new byte[32 * 1024];
    private int _filled;

    private HttpConnection() { }

    /// <summary>Connects.</summary>
    public static async Task<HttpConnection> OpenAsync(int port)
    {
        var connection = new HttpConnection();
        await connection._socket.ConnectAsync(IPAddress.Loopback, port);
        return connection;
    }

    /// <summary>A question without a body, ready to be sent as often as wanted.</summary>
    public static byte[] Question(string path) =>
        Encoding.UTF8.GetBytes($"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");

    /// <summary>A request, ready to be sent as often as wanted.</summary>
    public static byte[] Request(string path, string body, string headers = "") =>
        Encoding.UTF8.GetBytes(
            string.Create(
                CultureInfo.InvariantCulture,
                $"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"
            )
        );

    /// <summary>Sends a request, waits for all of its answer, and says its status.</summary>
    public async ValueTask<Answer> ExchangeAsync(ReadOnlyMemory<byte> request)
    {
        await _socket.SendAsync(request);
        _filled = 0;
        while (true)
        {
            await ReadAsync();
            if (Find() is { } answer)
            {
                return answer;
            }
        }
    }

    /// <summary>Sends a request whose answer is a stream, and shows each piece as it comes until the stream ends.</summary>
    /// <returns>The status.</returns>
    public async ValueTask<int> StreamAsync(ReadOnlyMemory<byte> request, TokenScan scan)
    {
        await _socket.SendAsync(request);
        _filled = 0;
        var status = 0;
        while (true)
        {
            var seen = _filled;
            await ReadAsync();
            var read = _buffer.AsSpan(0, _filled);
            status = status == 0 ? Status(read) : status;
            scan.See(read, seen);
            if (read.EndsWith(LastChunk))
            {
                return status;
            }

            // What ends a token or the stream may be cut in two: keep the little that it needs.
            var keep = Math.Min(TokenScan.TokenBytes - 1, _filled);
            read[^keep..].CopyTo(_buffer);
            _filled = keep;
        }
    }

    /// <summary>Sends without waiting for an answer.</summary>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> request) => await _socket.SendAsync(request);

    /// <summary>Waits for a piece of the answer, and says whether it holds a byte.</summary>
    public async ValueTask<bool> ReceiveHasAsync(byte value)
    {
        _filled = 0;
        await ReadAsync();
        return _buffer.AsSpan(0, _filled).Contains(value);
    }

    public void Dispose() => _socket.Dispose();

    private async ValueTask ReadAsync()
    {
        if (_filled == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        var read = await _socket.ReceiveAsync(_buffer.AsMemory(_filled));
        if (read == 0)
        {
            throw new IOException("The server closed the connection.");
        }

        _filled += read;
    }

    private Answer? Find()
    {
        var bytes = _buffer.AsSpan(0, _filled);
        var end = bytes.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return null;
        }

        var head = bytes[..end];
        var body = end + 4;
        var at = head.IndexOf("ontent-Length: "u8);
        at = at < 0 ? head.IndexOf("ontent-length: "u8) : at;
        if (at < 0)
        {
            return bytes.EndsWith(LastChunk) ? new Answer(Status(bytes), _buffer.AsMemory(body, _filled - body)) : null;
        }

        return
            System.Buffers.Text.Utf8Parser.TryParse(head[(at + 15)..], out int length, out _)
            && _filled - body >= length
            ? new Answer(Status(bytes), _buffer.AsMemory(body, length))
            : null;
    }

    private static int Status(ReadOnlySpan<byte> answer) =>
        answer.Length > 12 && System.Buffers.Text.Utf8Parser.TryParse(answer[9..12], out int status, out _)
            ? status
            : 0;
}

/// <summary>An answer.</summary>
/// <param name="Status">Its status.</param>
/// <param name="Body">Its body, chunked or not; until the next request.</param>
internal readonly record struct Answer(int Status, ReadOnlyMemory<byte> Body);
