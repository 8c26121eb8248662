using System.Net.WebSockets;
using System.Text.Json;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>One WebSocket of a host: reads what it says, sends what waits, and ends when either end does.</summary>
internal sealed class AndyLine : IDisposable
{
    private const int UsualBytes = 64 * 1024;
    private static readonly TimeSpan RegisterWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SignEvery = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);
    private readonly WebSocket _socket;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _over;
    private readonly FrameRate _rate;
    private byte[] _input = new byte[UsualBytes];

    public AndyLine(WebSocket socket, TimeProvider time, CancellationToken gone, CancellationToken stopping)
    {
        (_socket, _time) = (socket, time);
        _over = CancellationTokenSource.CreateLinkedTokenSource(gone, stopping);
        _rate = new FrameRate(time, LinkLimits.HostFramesPerSecond);
    }

    /// <summary>Runs the line to its end.</summary>
    /// <param name="register">Makes a host of the first message.</param>
    public async Task RunAsync(Func<JsonElement, Task<(AndySocketHost? Host, Action Leave, string? Refusal)>> register)
    {
        using var first = await FirstAsync();
        if (first is null)
        {
            await CloseAsync("the first message must be a registration, within 10 seconds");
            return;
        }

        var (host, leave, refusal) = await register(first.RootElement);
        if (host is null)
        {
            await CloseAsync(refusal!);
            return;
        }

        var sending = SendAsync(host);
        var receiving = ReceiveAsync(host);
        await Task.WhenAny(sending, receiving);
        leave(); // First: nothing more is given to it, and what it had goes on elsewhere.
        await _over.CancelAsync();
        await Task.WhenAll(sending, receiving);
        await CloseAsync("the gateway ends the line; connect again");
    }

    /// <inheritdoc/>
    public void Dispose() => _over.Dispose();

    private async Task<JsonDocument?> FirstAsync()
    {
        using var late = new CancellationTokenSource(RegisterWithin, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, _over.Token);
        var message = await ReadAsync(AndyLimits.RequestBytes, either.Token);
        return
            message is { } bytes
            && LooseJson.Parse(bytes.ToArray()) is { } parsed
            && parsed.RootElement.Text("type") == "register"
            ? parsed
            : null;
    }

    private async Task ReceiveAsync(AndySocketHost host)
    {
        while (await ReadAsync(AndyLimits.ResultBytes, _over.Token) is { } message && _rate.IsWithin())
        {
            host.Touch();
            using var parsed = LooseJson.Parse(message);
            if (parsed is null)
            {
                continue; // As these clients do with what they cannot read.
            }

            var said = parsed.RootElement;
            switch (said.Text("type"))
            {
                case "update_models" when AndyModels.Read(Wrap(said), []) is { } models:
                    host.SetModels(models);
                    break;
                case "register" when AndyModels.Read(said.Object("data") ?? default, []) is { } models:
                    host.SetModels(models);
                    break;
                case "response":
                    host.TakeResponse(said.Word("request_id"), said.Object("data") ?? default);
                    break;
                default:
                    break; // A heartbeat, of which clients send several at a time once they have reconnected.
            }
        }
    }

    private async Task SendAsync(AndySocketHost host)
    {
        try
        {
            while (!_over.IsCancellationRequested)
            {
                while (host.Frames.TryRead(out var frame))
                {
                    await SendAsync(frame.Json);
                    frame.Work?.Attempt.Accept();
                }

                if (!await UntilFrameAsync(host))
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or InvalidOperationException)
        {
            // The line has ended, and with it the host.
        }
    }

    /// <summary>Waits for something to send, and gives a sign of life meanwhile; false when nothing more comes.</summary>
    private async Task<bool> UntilFrameAsync(AndySocketHost host)
    {
        var waiting = host.Frames.WaitToReadAsync(_over.Token).AsTask();
        while (true)
        {
            try
            {
                return await waiting.WaitAsync(SignEvery, _time, _over.Token);
            }
            catch (TimeoutException)
            {
                host.Tick();
                await SendAsync(AndyFrames.Heartbeat(_time.GetUtcNow()));
            }
        }
    }

    private ValueTask SendAsync(byte[] json) =>
        _socket.SendAsync(json, WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, _over.Token);

    // Null when the line has ended, by whatever.
    private async Task<ReadOnlyMemory<byte>?> ReadAsync(int most, CancellationToken ct)
    {
        var length = 0;
        if (_input.Length > UsualBytes)
        {
            _input = new byte[UsualBytes]; // One large answer is no reason to keep so much for every host.
        }

        try
        {
            while (true)
            {
                if (length == _input.Length)
                {
                    Array.Resize(ref _input, Math.Min(most, 2 * length));
                }

                var part = await _socket.ReceiveAsync(_input.AsMemory(length), ct);
                length += part.Count;
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    return null;
                }

                if (part.EndOfMessage)
                {
                    return _input.AsMemory(0, length);
                }

                if (length >= most)
                {
                    return null;
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            return null; // These clients go without a word.
        }
    }

    // Here the list is the data itself.
    private static JsonElement Wrap(JsonElement said)
    {
        if (said.Member("data") is not { ValueKind: JsonValueKind.Array } list)
        {
            return said.Object("data") ?? default;
        }

        return JsonElement.Parse($$"""{"models":{{list.GetRawText()}}}""");
    }

    private async Task CloseAsync(string reason)
    {
        try
        {
            if (_socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                using var limit = new CancellationTokenSource(Farewell, _time);
                await _socket.CloseOutputAsync(WebSocketCloseStatus.PolicyViolation, Fit(reason), limit.Token);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or InvalidOperationException)
        {
            // It has gone before it was told.
        }
    }

    private static string Fit(string reason) => reason.Length <= 120 ? reason : reason[..120];
}
