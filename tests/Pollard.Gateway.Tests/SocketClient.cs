using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Pollard.Gateway.Tests;

/// <summary>A client of the gateway's WebSockets.</summary>
internal sealed class SocketClient : IDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _buffer = new byte[256 * 1024];

    public WebSocketCloseStatus? Status => _socket.CloseStatus;

    public string? Reason => _socket.CloseStatusDescription;

    public string? Protocol => _socket.SubProtocol;

    private static CancellationToken Token => TestGateway.Token;

    public static async Task<SocketClient> OpenAsync(
        TestGateway gateway,
        string path,
        string? key = null,
        params string[] protocols
    )
    {
        var client = new SocketClient();
        client._socket.Options.CollectHttpResponseDetails = true;
        if (key is not null)
        {
            client._socket.Options.SetRequestHeader("Authorization", "Bearer " + key);
        }

        foreach (var protocol in protocols)
        {
            client._socket.Options.AddSubProtocol(protocol);
        }

        var url = new UriBuilder(new Uri(gateway.Server.Addresses[0], path)) { Scheme = "ws" };
        await client._socket.ConnectAsync(url.Uri, Token);
        return client;
    }

    /// <summary>The status of the answer to a request that becomes no socket.</summary>
    public static async Task<int> RefusedAsync(
        TestGateway gateway,
        string path,
        string? key = null,
        params string[] protocols
    )
    {
        using var client = new SocketClient();
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => OpenAsync(gateway, path, key, protocols));
        var said = refused.Message; // The client says the status in words only, once it is disposed.
        return int.Parse(said.Split('\'')[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    public Task SayAsync(string text) =>
        _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Token);

    public Task SayBytesAsync(byte[] bytes) => _socket.SendAsync(bytes, WebSocketMessageType.Binary, true, Token);

    public Task SubscribeAsync(params string[] tasks) =>
        SayAsync($$"""{"subscribe":[{{string.Join(',', tasks.Select(task => $"\"{task}\""))}}]}""");

    public Task LeaveAsync() => _socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Token);

    /// <summary>The next message; null when the gateway closed, which is answered.</summary>
    public async Task<JsonElement?> HearAsync()
    {
        var length = 0;
        while (true)
        {
            var part = await _socket.ReceiveAsync(_buffer.AsMemory(length), Token);
            length += part.Count;
            if (part.MessageType == WebSocketMessageType.Close)
            {
                try
                {
                    await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Token);
                }
                catch (WebSocketException)
                {
                    // One that stops does not wait for the answer for long.
                }

                return null;
            }

            if (part.EndOfMessage)
            {
                return JsonElement.Parse(_buffer.AsSpan(0, length));
            }
        }
    }

    /// <summary>All messages until the gateway closes.</summary>
    public async Task<IReadOnlyList<JsonElement>> HearAllAsync()
    {
        List<JsonElement> all = [];
        while (await HearAsync() is { } next)
        {
            all.Add(next);
        }

        return all;
    }

    public void Dispose() => _socket.Dispose();
}
