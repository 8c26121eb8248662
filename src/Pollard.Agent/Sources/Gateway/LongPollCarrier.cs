using System.Net;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>Carrier C: long polls over plain HTTP/1.1, for networks that let nothing better through.</summary>
internal sealed class LongPollCarrier(GatewayClient gateway) : ILinkCarrier
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public string Name => "turn";

    /// <inheritdoc/>
    public Task<bool> GetsThroughAsync(CancellationToken ct) => Task.FromResult(true); // Whole requests and answers always do.

    /// <inheritdoc/>
    public async Task<LinkConnection> ConnectAsync(ReadOnlyMemory<byte> hello, CancellationToken ct)
    {
        var client = gateway.NewClient();
        using var late = new CancellationTokenSource(AnswerWithin, gateway.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            using var first = new PooledFrames();
            FrameWriter.Write(first.Buffer, FrameType.Hello, 0, hello.Span);
            using var request = LongPollRequests.Turn(gateway, first.ToArray(), session: null, number: 0, turn: 0);
            using var response = await client.SendAsync(request, either.Token);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw await GatewayClient.RefusalAsync(response, either.Token);
            }

            var session = response.Headers.TryGetValues(TurnCarrier.SessionHeader, out var names)
                ? names.First()
                : throw new HttpRequestException("the answer to the hello names no session");
            var answer = await response.Content.ReadAsByteArrayAsync(either.Token);
            var exchange = new LongPollExchange(gateway, client, session);
            await exchange.BeginAsync(answer);
            return new LinkConnection(exchange.Link, exchange.DisposeAsync);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            client.Dispose();
            throw new HttpRequestException($"no answer came within {AnswerWithin.TotalSeconds:0} seconds", e);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }
}

/// <summary>A buffer that gives its memory back.</summary>
internal sealed class PooledFrames : IDisposable
{
    public PooledBuffer Buffer { get; } = new();

    public byte[] ToArray() => Buffer.Written.ToArray();

    /// <inheritdoc/>
    public void Dispose() => Buffer.Clear();
}
