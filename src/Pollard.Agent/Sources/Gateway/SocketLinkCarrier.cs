using System.Net;
using System.Net.WebSockets;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>Carrier B: a WebSocket over HTTP/1.1, where something on the way breaks HTTP/2.</summary>
internal sealed class SocketLinkCarrier(GatewayClient gateway) : ILinkCarrier
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan GoodbyeWithin = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public string Name => "ws";

    /// <inheritdoc/>
    public Task<bool> GetsThroughAsync(CancellationToken ct) =>
        EchoTest.PassAsync(token => OpenAsync(LinkTest.Query, default, LinkTest.First, token), gateway.Time, ct);

    /// <inheritdoc/>
    public async Task<LinkConnection> ConnectAsync(ReadOnlyMemory<byte> hello, CancellationToken ct)
    {
        using PooledFrames first = new();
        FrameWriter.Write(first.Buffer, FrameType.Hello, 0, hello.Span);
        return await OpenAsync(query: "", hello, first.ToArray(), ct);
    }

    /// <summary>Opens a socket, signed over <paramref name="signed"/>, whose first bytes are <paramref name="first"/>.</summary>
    private async Task<LinkConnection> OpenAsync(
        string query,
        ReadOnlyMemory<byte> signed,
        ReadOnlyMemory<byte> first,
        CancellationToken ct
    )
    {
        var client = gateway.NewClient();
        var socket = new ClientWebSocket();
        using var late = new CancellationTokenSource(AnswerWithin, gateway.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            await ConnectAsync(socket, client, query, signed.Span, either.Token);
            var link = SocketCarrier.Open(socket);
            await link.Output.WriteAsync(first, either.Token);
            await HearAsync(socket, link, either.Token);
            return new LinkConnection(link, () => CloseAsync(client, socket, link));
        }
        catch (Exception e)
        {
            socket.Dispose();
            client.Dispose();
            throw e switch
            {
                WebSocketException or IOException => new HttpRequestException(e.Message, e),
                OperationCanceledException when !ct.IsCancellationRequested => new HttpRequestException(
                    $"no answer came within {AnswerWithin.TotalSeconds:0} seconds",
                    e
                ),
                _ => e,
            };
        }
    }

    private Task ConnectAsync(
        ClientWebSocket socket,
        HttpMessageInvoker client,
        string query,
        ReadOnlySpan<byte> signed,
        CancellationToken ct
    )
    {
        UriBuilder address = new(gateway.Address) { Path = SocketCarrier.Path, Query = query };
        using (HttpRequestMessage request = new(HttpMethod.Get, address.Uri))
        {
            gateway.Sign(request, signed);
            foreach (var (name, values) in request.Headers)
            {
                socket.Options.SetRequestHeader(name, values.First());
            }
        }

        address.Scheme = address.Scheme == Uri.UriSchemeHttps ? Uri.UriSchemeWss : Uri.UriSchemeWs;
        socket.Options.HttpVersion = HttpVersion.Version11;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.KeepAliveInterval = TimeSpan.Zero; // The link has pings of its own.
        return socket.ConnectAsync(address.Uri, client, ct);
    }

    /// <summary>Waits for the gateway's first word, which is its answer to the hello or why it does not let this host in.</summary>
    private static async Task HearAsync(ClientWebSocket socket, DuplexPipe link, CancellationToken ct)
    {
        var read = await link.Input.ReadAsync(ct);
        link.Input.AdvanceTo(read.Buffer.Start);
        if (!read.Buffer.IsEmpty || !read.IsCompleted)
        {
            return;
        }

        var (code, message) = SocketCarrier.ReadRefusal(socket.CloseStatusDescription);
        throw socket.CloseStatus == SocketCarrier.RefusedStatus
            ? new LinkRefusedException(code, message)
            : new HttpRequestException($"the gateway closed the socket: {message}");
    }

    private async ValueTask CloseAsync(HttpMessageInvoker client, ClientWebSocket socket, DuplexPipe link)
    {
        using var late = new CancellationTokenSource(GoodbyeWithin, gateway.Time);
        try
        {
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", late.Token);
            }

            // The gateway ends its half when it has read ours to the end.
            while (await link.Input.ReadAsync(late.Token) is { IsCompleted: false } read)
            {
                link.Input.AdvanceTo(read.Buffer.End);
            }
        }
        catch (Exception e)
            when (e is OperationCanceledException or IOException or WebSocketException or InvalidOperationException)
        {
            // The connection is gone, or the gateway does not hurry; both will do.
        }

        await link.Input.CompleteAsync();
        socket.Dispose();
        client.Dispose();
    }
}
