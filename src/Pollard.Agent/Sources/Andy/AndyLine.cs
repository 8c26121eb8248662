using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using Pollard.Agent.Backends.Ollama;

namespace Pollard.Agent.Sources.Andy;

/// <summary>One WebSocket to an Andy server: frames are JSON objects with a type, a moment and data.</summary>
internal sealed class AndyLine : IDisposable
{
    private const int UsualBytes = 64 * 1024;
    private const int MostBytes = 16 * 1024 * 1024;
    private static readonly TimeSpan OpenWithin = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan SayWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FarewellWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(15);
    private readonly ClientWebSocket _socket;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _saying = new(1);
    private byte[] _input = new byte[UsualBytes];

    private AndyLine(ClientWebSocket socket, TimeProvider time) => (_socket, _time) = (socket, time);

    /// <summary>What the server calls this machine.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>Why the server closed it, when it will not have this machine.</summary>
    public string? Refusal =>
        _socket.CloseStatus == WebSocketCloseStatus.PolicyViolation
            ? _socket.CloseStatusDescription ?? "it says no reason"
            : null;

    /// <summary>Opens a line.</summary>
    /// <exception cref="AndyException">The server refuses it.</exception>
    /// <exception cref="HttpRequestException">It cannot be opened now.</exception>
    public static async Task<AndyLine> OpenAsync(Uri address, AndyMember member, AndyHttp http, CancellationToken ct)
    {
        var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = PingEvery;
        socket.Options.KeepAliveTimeout = PingEvery; // A server that is gone without a word is noticed by its missing pongs.
        socket.Options.CollectHttpResponseDetails = true;
        if (member.Options.JoinToken is { } token)
        {
            socket.Options.SetRequestHeader("X-Client-Token", token);
        }

        using var late = new CancellationTokenSource(OpenWithin, member.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            await socket.ConnectAsync(address, http.Invoker, either.Token);
            return new AndyLine(socket, member.Time);
        }
        catch (Exception e) when (e is WebSocketException or HttpRequestException or OperationCanceledException)
        {
            var status = socket.HttpStatusCode;
            socket.Dispose();
            ct.ThrowIfCancellationRequested();
            throw status switch
            {
                HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new AndyException(
                    $"the server does not take this machine: the answer is {(int)status}",
                    isRefused: true
                ),
                HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed => new AndyException(
                    $"there is no Andy pool at this address: the answer is {(int)status}",
                    isRefused: false
                ),
                _ => new HttpRequestException($"no line to the server: {e.Message}", e),
            };
        }
    }

    /// <summary>Sends one frame.</summary>
    /// <exception cref="HttpRequestException">The line is broken.</exception>
    public async Task SayAsync(string type, string? requestId, Action<Utf8JsonWriter> data, CancellationToken ct)
    {
        var frame = OllamaRequest.Write(json =>
        {
            json.WriteString("type", type);
            json.WriteString("client_id", ClientId);
            if (requestId is not null)
            {
                json.WriteString("request_id", requestId);
            }

            data(json);
            json.WriteString(
                "timestamp",
                _time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)
            );
        });
        using var late = new CancellationTokenSource(SayWithin, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            await _saying.WaitAsync(either.Token);
            try
            {
                await _socket.SendAsync(frame, WebSocketMessageType.Text, endOfMessage: true, either.Token);
            }
            finally
            {
                _saying.Release();
            }
        }
        catch (Exception e) when (Broken(e, ct))
        {
            throw new HttpRequestException($"the line to the server is broken: {e.Message}", e);
        }
    }

    /// <summary>The next frame that can be read.</summary>
    /// <exception cref="HttpRequestException">The line has ended.</exception>
    public async Task<JsonElement> HearAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                var length = await ReceiveAsync(ct);
                if (AndyHttp.Parse(_input.AsMemory(0, length)) is { ValueKind: JsonValueKind.Object } frame)
                {
                    return frame; // What cannot be read is passed over, as the other clients do.
                }
            }
        }
        catch (Exception e) when (Broken(e, ct))
        {
            throw new HttpRequestException($"the line to the server is broken: {e.Message}", e);
        }
    }

    /// <summary>Says goodbye, which these servers take as leaving, and lets whoever reads hear the other end's.</summary>
    public async Task LeaveAsync(Task reading)
    {
        using var late = new CancellationTokenSource(FarewellWithin, _time);
        try
        {
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "leaving", late.Token);
            await reading.WaitAsync(late.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        catch (Exception e) when (Broken(e, CancellationToken.None))
        {
            // It has gone before it was told.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        _saying.Dispose();
    }

    private static bool Broken(Exception e, CancellationToken ct) =>
        e is WebSocketException or IOException or ObjectDisposedException or InvalidOperationException
        || (e is OperationCanceledException && !ct.IsCancellationRequested);

    private async Task<int> ReceiveAsync(CancellationToken ct)
    {
        var length = 0;
        if (_input.Length > UsualBytes)
        {
            _input = new byte[UsualBytes]; // One large picture is no reason to keep so much.
        }

        while (true)
        {
            if (length == _input.Length)
            {
                Array.Resize(ref _input, Math.Min(MostBytes, 2 * length));
            }

            var part = await _socket.ReceiveAsync(_input.AsMemory(length), ct);
            length += part.Count;
            if (part.MessageType == WebSocketMessageType.Close)
            {
                throw new WebSocketException($"it was closed: {_socket.CloseStatusDescription}");
            }

            if (part.EndOfMessage)
            {
                return length;
            }

            if (length >= MostBytes)
            {
                throw new WebSocketException($"a frame has more than {MostBytes / 1024 / 1024} MB");
            }
        }
    }
}
