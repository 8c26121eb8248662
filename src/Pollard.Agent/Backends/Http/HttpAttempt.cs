using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Http;

/// <summary>Understands the answer of one kind of server, a line at a time.</summary>
internal interface IAnswerParser
{
    /// <summary>Reads one line of a streamed answer.</summary>
    /// <exception cref="BackendException">The line is no answer, or tells an error.</exception>
    void Line(ReadOnlySpan<byte> line, DeltaBatch deltas);

    /// <summary>Reads an answer that came in one piece, which is JSON.</summary>
    /// <exception cref="BackendException">It is no answer, or tells an error.</exception>
    void Whole(ReadOnlyMemory<byte> body, DeltaBatch deltas);

    /// <summary>True when the server has said that nothing more comes.</summary>
    bool Ended { get; }

    /// <summary>The good end; null when the answer was cut.</summary>
    Messages.Finish? Finish();
}

/// <summary>One call of a model server: sends the request, pumps the answer to the output, and names what goes wrong.</summary>
/// <param name="http">The server.</param>
/// <param name="options">How long it may take.</param>
/// <param name="time">The clock.</param>
/// <param name="work">What is asked.</param>
/// <param name="output">Where the answer goes.</param>
/// <param name="untilAnswer">Runs while the server has not begun to answer; ends with the answer's beginning or its failure, which it leaves alone.</param>
internal sealed class HttpAttempt(
    BackendHttp http,
    HttpBackendOptions options,
    TimeProvider time,
    WorkItem work,
    IWorkOutput output,
    Func<Task, CancellationToken, Task>? untilAnswer = null
)
{
    private static readonly TimeSpan LastBytes = TimeSpan.FromMilliseconds(250);

    private bool _began;

    /// <summary>Runs it to its end, good or bad.</summary>
    public async Task<WorkResult> RunAsync(
        string path,
        ReadOnlyMemory<byte> body,
        IAnswerParser parser,
        CancellationToken ct
    )
    {
        using TokenWatch watch = new(options, time, ct);
        Messages.Fail failure;
        try
        {
            watch.Arm();
            using var response = await SendAsync(path, body, watch.Token);
            watch.Disarm();
            if (!response.IsSuccessStatusCode)
            {
                return WorkResult.Failed(await RefusedAsync(response, watch));
            }

            await ReadAsync(response, parser, watch, ct);
            return Ended(parser);
        }
        catch (BackendException e)
        {
            failure = e.Failure;
        }
        catch (LineTooLongException e)
        {
            failure = BackendFailure.TooLong(http.Address, e.Bytes);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            failure = watch.Fell ? watch.Failure(http.Address) : BackendFailure.Unreachable(http.Address, e); // The time to connect is over.
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            ct.ThrowIfCancellationRequested();
            if (_began && parser.Finish() is { } finish)
            {
                return WorkResult.Finished(finish);
            }

            failure = Broken(e);
        }

        return WorkResult.Failed(failure);
    }

    private async Task<HttpResponseMessage> SendAsync(string path, ReadOnlyMemory<byte> body, CancellationToken ct)
    {
        var answer = http.PostAsync(path, body, work.Offer.Traceparent, ct);
        if (untilAnswer is not null)
        {
            await untilAnswer(answer, ct);
        }

        return await answer;
    }

    private async Task<Messages.Fail> RefusedAsync(HttpResponseMessage response, TokenWatch watch)
    {
        watch.Arm();
        var failure = await BackendFailure.FromAsync(response, http.Address, work.Offer.Model, time, watch.Token);

        // Some servers repeat the key that they refuse, and the message goes to the client.
        return options.ApiKey is { Length: > 0 } key
            ? failure with
            {
                Message = failure.Message.Replace(key, "***", StringComparison.Ordinal),
            }
            : failure;
    }

    private WorkResult Ended(IAnswerParser parser) =>
        parser.Finish() is { } finish
            ? WorkResult.Finished(finish)
            : WorkResult.Failed(BackendFailure.Cut(http.Address));

    private Messages.Fail Broken(Exception exception) =>
        exception switch
        {
            HttpRequestException
            {
                HttpRequestError: HttpRequestError.NameResolutionError
                    or HttpRequestError.ConnectionError
                    or HttpRequestError.SecureConnectionError
                    or HttpRequestError.ProxyTunnelError
            } => BackendFailure.Unreachable(http.Address, exception),
            HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse } => BackendFailure.Garbled(
                http.Address
            ),
            _ => BackendFailure.Cut(http.Address),
        };

    private async Task ReadAsync(
        HttpResponseMessage response,
        IAnswerParser parser,
        TokenWatch watch,
        CancellationToken ct
    )
    {
        var stream = await response.Content.ReadAsStreamAsync(watch.Token);
        await using (stream)
        {
            using DeltaBatch deltas = new();
            if (response.Content.Headers.ContentType?.MediaType == "application/json")
            {
                var body = await ReadBodyAsync(stream, watch);
                parser.Whole(body, deltas);
                await WriteAsync(deltas, watch, ct);
                return;
            }

            using LineReader lines = new(stream, options.LongestLineBytes, options.LongestAnswerBytes);
            await PumpAsync(lines, parser, deltas, watch, ct);
            if (parser.Ended)
            {
                await ReadOutAsync(lines, ct);
            }
        }
    }

    private async Task PumpAsync(
        LineReader lines,
        IAnswerParser parser,
        DeltaBatch deltas,
        TokenWatch watch,
        CancellationToken ct
    )
    {
        for (var more = true; ; )
        {
            // hot: once a token
            while (!parser.Ended && lines.TryRead(out var line))
            {
                parser.Line(line.Span, deltas);
                if (deltas.Count > 0)
                {
                    await WriteAsync(deltas, watch, ct);
                }
            }

            if (parser.Ended || !more)
            {
                return;
            }

            watch.Arm();
            more = await lines.FillAsync(watch.Token);
            watch.Disarm();
        }
    }

    private async ValueTask WriteAsync(DeltaBatch deltas, TokenWatch watch, CancellationToken ct)
    {
        _began |= deltas.Count > 0;
        await deltas.WriteToAsync(output, ct);
        watch.Useful();
    }

    private async Task<ReadOnlyMemory<byte>> ReadBodyAsync(Stream stream, TokenWatch watch)
    {
        using MemoryStream body = new();
        var buffer = new byte[32 * 1024];
        while (true)
        {
            watch.Arm();
            var read = await stream.ReadAsync(buffer, watch.Token);
            watch.Disarm();
            if (read == 0)
            {
                return body.ToArray();
            }

            await body.WriteAsync(buffer.AsMemory(0, read), watch.Token);
            if (body.Length > options.LongestAnswerBytes)
            {
                throw new LineTooLongException(options.LongestAnswerBytes);
            }
        }
    }

    /// <summary>Reads to the end of the body, which usually is here already, so that the connection can be used again.</summary>
    private async Task ReadOutAsync(LineReader lines, CancellationToken ct)
    {
        using CancellationTokenSource limit = new(LastBytes, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            while (await lines.FillAsync(either.Token))
            {
                while (lines.TryRead(out _)) { }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException)
        {
            // The answer is whole; only the connection is lost.
        }
    }
}
