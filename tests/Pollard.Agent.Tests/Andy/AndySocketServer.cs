using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Pollard.Agent.Tests.Andy;

/// <summary>A server of the Andy pool that pushes work over WebSockets, as the test tells it.</summary>
internal sealed class AndySocketServer(WebApplication app) : IAsyncDisposable
{
    private readonly Channel<AndySocketEnd> _lines = Channel.CreateBounded<AndySocketEnd>(100);

    public Uri Url => new(app.Urls.First());

    public static async Task<AndySocketServer> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.UseWebSockets();
        var server = new AndySocketServer(app);
        app.Run(server.AcceptAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    /// <summary>The next line, before it is registered.</summary>
    public Task<AndySocketEnd> NextAsync() =>
        _lines
            .Reader.ReadAsync(TestContext.Current.CancellationToken)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken);

    /// <summary>The next line, registered and welcomed.</summary>
    public async Task<AndySocketEnd> WelcomeAsync(string id = "client 1")
    {
        var line = await NextAsync();
        line.Registration = await line.HearAsync("register");
        await line.SayAsync(
            $$"""{"type":"welcome","data":{"client_id":"{{id}}"},"timestamp":"2026-01-02T03:04:05.678901234+01:00"}"""
        );
        return line;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task AcceptAsync(HttpContext http)
    {
        if (http.Request.Path != "/ws" || !http.WebSockets.IsWebSocketRequest)
        {
            http.Response.StatusCode = 404;
            return;
        }

        using var socket = await http.WebSockets.AcceptWebSocketAsync();
        var line = new AndySocketEnd(socket, http.Request);
        await _lines.Writer.WriteAsync(line, http.RequestAborted);
        await line.Over;
    }
}

/// <summary>The server's end of one line.</summary>
internal sealed class AndySocketEnd(WebSocket socket, HttpRequest request)
{
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly byte[] _buffer = new byte[1024 * 1024];

    public Task Over => _over.Task;

    public string? HeaderToken { get; } = request.Headers["X-Client-Token"];

    public string? QueryToken { get; } = request.Query["token"];

    public JsonElement Registration { get; set; }

    /// <summary>The next frame of this type.</summary>
    public async Task<JsonElement> HearAsync(string type)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var part = await socket.ReceiveAsync(_buffer.AsMemory(), late.Token);
            Assert.Equal(WebSocketMessageType.Text, part.MessageType);
            var frame = JsonElement.Parse(_buffer.AsSpan(0, part.Count));
            if (frame.GetProperty("type").GetString() == type)
            {
                return frame;
            }
        }
    }

    public Task SayAsync(string frame) =>
        socket.SendAsync(
            Encoding.UTF8.GetBytes(frame),
            WebSocketMessageType.Text,
            endOfMessage: true,
            TestContext.Current.CancellationToken
        );

    public Task GiveAsync(string id, int number, string members = """ "prompt":"hello" """) =>
        SayAsync(
            $$$"""{"type":"request","request_id":"{{{id}}}","data":{"id":{{{number}}},"model":"m",{{{members}}}}}"""
        );

    /// <summary>Breaks off.</summary>
    public void Cut()
    {
        socket.Abort();
        _over.TrySetResult();
    }

    /// <summary>Closes the line with a word.</summary>
    public async Task CloseAsync(WebSocketCloseStatus status, string reason)
    {
        await socket.CloseOutputAsync(status, reason, TestContext.Current.CancellationToken);
        _over.TrySetResult();
    }

    /// <summary>Waits until the agent has said goodbye.</summary>
    public async Task LeftAsync()
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while ((await socket.ReceiveAsync(_buffer.AsMemory(), late.Token)).MessageType != WebSocketMessageType.Close)
        { }

        _over.TrySetResult();
    }
}
