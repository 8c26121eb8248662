using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Why a socket is closed, in the words of its close frame.</summary>
internal sealed record SocketEnd(WebSocketCloseStatus Status, string Reason)
{
    /// <summary>The client said goodbye.</summary>
    public static SocketEnd Left { get; } = new(WebSocketCloseStatus.NormalClosure, "");

    /// <summary>All has been said.</summary>
    public static SocketEnd Done(string reason) => new(WebSocketCloseStatus.NormalClosure, reason);

    /// <summary>The gateway stops.</summary>
    public static SocketEnd Stopping { get; } =
        new(
            WebSocketCloseStatus.EndpointUnavailable,
            "the gateway stops; connect again and go on after the last event"
        );

    /// <summary>What no other exception explains; to be logged.</summary>
    public Exception? Failure { get; init; }

    /// <summary>The client sent what it must not.</summary>
    public static SocketEnd Refused(string reason) => new(WebSocketCloseStatus.PolicyViolation, reason);

    /// <summary>The gateway cannot go on.</summary>
    public static SocketEnd Failed(string reason) => new(WebSocketCloseStatus.InternalServerError, reason);
}

/// <summary>
/// A WebSocket that sends JSON, one value a message, at its reader's pace: nothing is queued for it. One loop sends and another
/// receives; whichever ends first ends the socket, with a reason.
/// </summary>
internal sealed class EventSocket : IDisposable
{
    /// <summary>The subprotocol that a client may ask for, and must if it sends its key as one.</summary>
    public const string Protocol = "pollard";

    /// <summary>Bytes of a client's message.</summary>
    public const int MaxMessageBytes = 64 * 1024;

    private const int MaxReasonBytes = 123; // As long as a close frame can be.
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);
    private readonly WebSocket _socket;
    private readonly CancellationTokenSource _gone;
    private readonly ArrayBufferWriter<byte> _output = new();
    private byte[] _input = new byte[1024];

    private EventSocket(WebSocket socket, CancellationToken gone)
    {
        _socket = socket;
        _gone = CancellationTokenSource.CreateLinkedTokenSource(gone);
        Json = new Utf8JsonWriter(_output, JsonReply.WriterOptions);
    }

    /// <summary>Where the next message is written.</summary>
    public Utf8JsonWriter Json { get; }

    /// <summary>Makes a socket of a request.</summary>
    /// <exception cref="RejectedException">The request is an ordinary one.</exception>
    public static async Task<EventSocket> AcceptAsync(HttpContext http, GatewayOptions options)
    {
        var asked = http.WebSockets;
        if (!asked.IsWebSocketRequest)
        {
            http.Response.Headers.Upgrade = "websocket";
            throw new RejectedException(
                new DoorError(
                    StatusCodes.Status426UpgradeRequired,
                    "upgrade_required",
                    $"{DoorError.Quote(http.Request.Path)} is a WebSocket; server-sent events are at /v1/tasks/{{id}}/events"
                )
            );
        }

        var socket = await asked.AcceptWebSocketAsync(
            new WebSocketAcceptContext
            {
                // Never the one that has the key.
                SubProtocol = asked.WebSocketRequestedProtocols.Contains(Protocol, StringComparer.Ordinal)
                    ? Protocol
                    : null,
                KeepAliveInterval = options.KeepAlive,
                KeepAliveTimeout = options.KeepAlive * 6,
            }
        );
        return new EventSocket(socket, http.RequestAborted);
    }

    /// <summary>Runs both loops until one ends, and closes the socket.</summary>
    /// <param name="send">Sends; its token ends waits. Nothing else sends.</param>
    /// <param name="receive">Receives.</param>
    /// <param name="stopping">The gateway stops.</param>
    public async Task RunAsync(
        Func<CancellationToken, Task<SocketEnd>> send,
        Func<CancellationToken, Task<SocketEnd>> receive,
        CancellationToken stopping
    )
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_gone.Token, stopping);
        var sending = GuardAsync(send, over.Token, stopping);
        var receiving = GuardAsync(receive, over.Token, stopping);
        var end = await await Task.WhenAny(sending, receiving);
        await over.CancelAsync();
        _gone.CancelAfter(Farewell); // Who reads nothing is not waited for.
        await sending;
        await CloseAsync(end);
        await receiving;
        await DrainAsync();
        if (end?.Failure is { } failure)
        {
            throw new InvalidOperationException("A WebSocket was closed with 1011.", failure);
        }
    }

    /// <summary>Sends what was written to <see cref="Json"/>.</summary>
    public async ValueTask SendAsync()
    {
        // A token that is cancelled while it sends aborts the socket, so the end of waits is not one.
        await _socket.SendAsync(Written(), WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, _gone.Token);
        _output.ResetWrittenCount();
        Json.Reset();
    }

    /// <summary>The client's next message, good until the next call; or why there is none.</summary>
    public async ValueTask<(ReadOnlyMemory<byte> Message, SocketEnd? End)> ReceiveAsync()
    {
        var length = 0;
        while (true)
        {
            var part = await _socket.ReceiveAsync(_input.AsMemory(length), _gone.Token);
            length += part.Count;
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return (default, SocketEnd.Left);
            }

            if (part.MessageType == WebSocketMessageType.Binary)
            {
                return (default, SocketEnd.Refused("messages are JSON text"));
            }

            if (part.EndOfMessage)
            {
                return (_input.AsMemory(0, length), null);
            }

            if (length == MaxMessageBytes)
            {
                return (default, new(WebSocketCloseStatus.MessageTooBig, "a message is at most 64 KB"));
            }

            if (length == _input.Length)
            {
                Array.Resize(ref _input, Math.Min(length * 4, MaxMessageBytes));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Json.Dispose();
        _gone.Dispose();
        _socket.Dispose();
    }

    private ReadOnlyMemory<byte> Written()
    {
        Json.Flush();
        return _output.WrittenMemory;
    }

    private static async Task<SocketEnd?> GuardAsync(
        Func<CancellationToken, Task<SocketEnd>> loop,
        CancellationToken over,
        CancellationToken stopping
    )
    {
        try
        {
            return await loop(over);
        }
        catch (OperationCanceledException)
        {
            return stopping.IsCancellationRequested ? SocketEnd.Stopping : null;
        }
        catch (WebSocketException)
        {
            return null; // The client has gone, or says what is no WebSocket.
        }
        catch (StoreException e)
        {
            return SocketEnd.Failed(StoreErrors.Of(e.Fault).Message);
        }
        catch (Exception e)
        {
            return SocketEnd.Failed("the gateway failed; its log has the reason") with { Failure = e };
        }
    }

    private async Task CloseAsync(SocketEnd? end)
    {
        if (end is null || _socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived))
        {
            await _gone.CancelAsync();
            return;
        }

        try
        {
            await _socket.CloseOutputAsync(end.Status, Fit(end.Reason), _gone.Token);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // It has gone before it was told.
        }
    }

    // Until the client has said goodbye too: a connection that is closed with something unread takes our goodbye with it.
    private async Task DrainAsync()
    {
        try
        {
            while (_socket.State == WebSocketState.CloseSent)
            {
                await _socket.ReceiveAsync(_input.AsMemory(), _gone.Token);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // It has gone without.
        }
    }

    private static string Fit(string reason)
    {
        while (Encoding.UTF8.GetByteCount(reason) > MaxReasonBytes)
        {
            reason = reason[..^1];
        }

        return reason;
    }
}
