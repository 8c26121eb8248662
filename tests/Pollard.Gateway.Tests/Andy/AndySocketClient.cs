using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Andy;

/// <summary>The two programs that come by WebSocket, made anew: the later one brings a token and reads messages.</summary>
internal sealed class AndySocketClient : IDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _buffer = new byte[1024 * 1024];
    private readonly bool _isLater;

    private AndySocketClient(int generation) => _isLater = generation == 7;

    /// <summary>What the gateway calls it.</summary>
    public string Id { get; private set; } = "";

    public static async Task<AndySocketClient> OpenAsync(
        TestGateway gateway,
        int generation,
        string query = "",
        string? header = null
    )
    {
        var client = new AndySocketClient(generation);
        if (header is not null)
        {
            client._socket.Options.SetRequestHeader("X-Client-Token", header);
        }

        var url = new UriBuilder(new Uri(gateway.Server.Addresses[0], "/ws")) { Scheme = "ws", Query = query };
        await client._socket.ConnectAsync(url.Uri, Token);
        return client;
    }

    public static async Task<AndySocketClient> JoinAsync(
        TestGateway gateway,
        int generation,
        params (string Name, int Concurrent)[] models
    )
    {
        var client = await OpenAsync(gateway, generation);
        await client.RegisterAsync(models);
        return client;
    }

    public async Task<JsonElement> RegisterAsync(
        (string Name, int Concurrent)[] models,
        string? id = null,
        string? token = null
    )
    {
        await SayAsync(
            "register",
            new JsonObject
            {
                ["id"] = id,
                ["client_token"] = token,
                ["models"] = List(models),
            }
        );
        var welcome = await HearAsync("welcome");
        Id = welcome.GetProperty("data").GetProperty("client_id").GetString()!;
        return welcome;
    }

    public Task UpdateAsync(params (string Name, int Concurrent)[] models) => SayAsync("update_models", List(models));

    public Task HeartbeatAsync() => SayAsync("heartbeat", null);

    /// <summary>The next request.</summary>
    public Task<JsonElement> WorkAsync() => HearAsync("request");

    /// <summary>Does what a request asks, as each program does it.</summary>
    public async Task AnswerAsync(JsonElement request)
    {
        var data = request.GetProperty("data");
        var isEmbedding = _isLater && data.GetProperty("task").GetString() == "embedding";
        var text =
            isEmbedding ? """{"object":"list","data":[{"embedding":[0.5,4],"index":0}],"usage":{"prompt_tokens":3}}"""
            : _isLater ? data.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString()!
            : data.GetProperty("prompt").GetString()!;
        await RespondAsync(request, text, "ok");
    }

    public Task FailAsync(JsonElement request) => RespondAsync(request, "", "error");

    /// <summary>The next frame of this type. A frame whose moment Go could not read is dropped, as that program does.</summary>
    public async Task<JsonElement> HearAsync(string type)
    {
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                part = await _socket.ReceiveAsync(_buffer.AsMemory(length), Token);
                length += part.Count;
            } while (!part.EndOfMessage);

            Assert.True(part.MessageType == WebSocketMessageType.Text, _socket.CloseStatusDescription);
            var frame = JsonElement.Parse(_buffer.AsSpan(0, length));
            var at = frame.GetProperty("timestamp").GetString()!;
            var canBeRead = DateTimeOffset.TryParseExact(
                at,
                "yyyy-MM-dd'T'HH:mm:ss.fff'Z'",
                System.Globalization.CultureInfo.InvariantCulture,
                System.Globalization.DateTimeStyles.None,
                out _
            );
            if (canBeRead && frame.GetProperty("type").GetString() == type)
            {
                return frame;
            }
        }
    }

    /// <summary>Why the gateway closed the line.</summary>
    public async Task<string?> ClosedAsync()
    {
        while ((await _socket.ReceiveAsync(_buffer.AsMemory(), Token)).MessageType != WebSocketMessageType.Close) { }

        return _socket.CloseStatusDescription;
    }

    public Task SayTextAsync(string text) =>
        _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Token);

    /// <summary>Goes as these programs go: without a close frame.</summary>
    public void Dispose()
    {
        _socket.Abort();
        _socket.Dispose();
    }

    private static JsonArray List((string Name, int Concurrent)[] models) =>
        new([
            .. models.Select(model => new JsonObject
            {
                ["client_id"] = "",
                ["provider"] = "ollama",
                ["name"] = model.Name,
                ["max_completion_tokens"] = 4096,
                ["concurrent_connections"] = model.Concurrent,
                ["avg_tokens_per_second"] = 0,
                ["supports_embedding"] = true,
                ["supports_vision"] = true,
                ["fallback"] = false,
                ["is_available"] = true,
                ["is_server_model"] = false,
            }),
        ]);

    private Task RespondAsync(JsonElement request, string text, string status) =>
        SayTextAsync(
            new JsonObject
            {
                ["type"] = "response",
                ["client_id"] = Id,
                ["request_id"] = request.GetProperty("request_id").GetString(),
                ["data"] = new JsonObject
                {
                    ["id"] = request.GetProperty("data").GetProperty("id").GetInt32(),
                    ["response"] = text,
                    ["status"] = status,
                    ["error"] = status == "ok" ? 0 : 1,
                },
                ["timestamp"] = "2026-01-02T03:04:05.678901234+01:00",
            }.ToJsonString()
        );

    private Task SayAsync(string type, JsonNode? data) =>
        SayTextAsync(
            new JsonObject
            {
                ["type"] = type,
                ["client_id"] = Id,
                ["data"] = data,
                ["timestamp"] = "2026-01-02T03:04:05.678901234+01:00",
            }.ToJsonString()
        );
}
