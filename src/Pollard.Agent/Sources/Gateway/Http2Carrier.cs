using System.IO.Pipelines;
using System.Net;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>Carrier A: one HTTP/2 request whose both bodies stream, over a connection of its own.</summary>
internal sealed class Http2Carrier(GatewayClient gateway) : ILinkCarrier
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan GoodbyeWithin = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public string Name => "h2";

    /// <inheritdoc/>
    public Task<bool> GetsThroughAsync(CancellationToken ct) =>
        EchoTest.PassAsync(
            token => OpenAsync("/host/v1/link" + LinkTest.Query, default, LinkTest.First, token),
            gateway.Time,
            ct
        );

    /// <inheritdoc/>
    public async Task<LinkConnection> ConnectAsync(ReadOnlyMemory<byte> hello, CancellationToken ct)
    {
        using PooledFrames first = new();
        FrameWriter.Write(first.Buffer, FrameType.Hello, 0, hello.Span);
        return await OpenAsync("/host/v1/link", hello, first.ToArray(), ct);
    }

    /// <summary>Opens a stream, signed over <paramref name="signed"/>, whose first bytes are <paramref name="first"/>.</summary>
    private async Task<LinkConnection> OpenAsync(
        string path,
        ReadOnlyMemory<byte> signed,
        ReadOnlyMemory<byte> first,
        CancellationToken ct
    )
    {
        // A connection of its own, closed with the link: a dead one must not be found again in a pool.
        var client = gateway.NewClient();
        var body = new StreamedContent();
        using var late = new CancellationTokenSource(AnswerWithin, gateway.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(gateway.Http2Address, path))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = body,
            };
            gateway.Sign(request, signed.Span);
            var sending = client.SendAsync(request, either.Token);
            var output = await BeginAsync(body, sending, first, either.Token);
            var response = await sending;
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw await GatewayClient.RefusalAsync(response, either.Token);
            }

            var input = PipeReader.Create(
                await response.Content.ReadAsStreamAsync(ct),
                new StreamPipeReaderOptions(bufferSize: 16 * 1024, useZeroByteReads: true)
            );
            return new LinkConnection(new DuplexPipe(input, output), () => CloseAsync(client, response, body, input));
        }
        catch (OperationCanceledException e) when (late.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            client.Dispose();
            throw new HttpRequestException($"no answer came within {AnswerWithin.TotalSeconds:0} seconds", e);
        }
        catch
        {
            body.End();
            client.Dispose();
            throw;
        }
    }

    private static async Task<PipeWriter> BeginAsync(
        StreamedContent body,
        Task<HttpResponseMessage> sending,
        ReadOnlyMemory<byte> first,
        CancellationToken ct
    )
    {
        if (await Task.WhenAny(body.Stream, sending).WaitAsync(ct) == sending)
        {
            await sending; // It failed before it had a stream, or was refused at once.
        }

        var output = PipeWriter.Create(await body.Stream.WaitAsync(ct), new StreamPipeWriterOptions(leaveOpen: true));
        await output.WriteAsync(first, ct);
        return output;
    }

    private async ValueTask CloseAsync(
        HttpMessageInvoker client,
        HttpResponseMessage response,
        StreamedContent body,
        PipeReader input
    )
    {
        body.End();
        using var late = new CancellationTokenSource(GoodbyeWithin, gateway.Time);
        try
        {
            // The gateway ends its half when it has read ours to the end.
            while (await input.ReadAsync(late.Token) is { IsCompleted: false } read)
            {
                input.AdvanceTo(read.Buffer.End);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            // The connection is gone, or the gateway does not hurry; both will do.
        }

        await input.CompleteAsync();
        response.Dispose();
        client.Dispose();
    }

    /// <summary>A request's body that is written while the request lives.</summary>
    private sealed class StreamedContent : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public StreamedContent() => Headers.ContentType = new(TurnCarrier.ContentType);

        public Task<Stream> Stream => _stream.Task;

        public void End() => _end.TrySetResult();

        protected override async Task SerializeToStreamAsync(
            Stream stream,
            TransportContext? context,
            CancellationToken cancellationToken
        )
        {
            _stream.TrySetResult(stream);
            await stream.FlushAsync(cancellationToken);
            await _end.Task.WaitAsync(cancellationToken);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
