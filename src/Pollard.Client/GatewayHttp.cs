using System.Net;
using System.Security.Authentication;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>One call to the gateway: sends, reads, and turns every failure into a <see cref="PollardException"/>.</summary>
internal sealed class GatewayHttp(HttpClient http, PollardClientOptions options)
{
    public PollardClientOptions Options => options;

    private string Address => options.Gateway.AbsoluteUri.TrimEnd('/');

    /// <summary>A call and its answer, read to the end. The limit of a try is <see cref="PollardClientOptions.CallTimeout"/> unless given.</summary>
    public Task<T> CallAsync<T>(GatewayCall call, JsonTypeInfo<T> type, CancellationToken ct, TimeSpan? limit = null) =>
        TryAsync(
            call,
            limit ?? options.CallTimeout,
            async (response, token) =>
            {
                var body = await response.Content.ReadAsByteArrayAsync(token).ConfigureAwait(false);
                return JsonSerializer.Deserialize(body, type) ?? throw BadAnswer("null instead of an object");
            },
            ct
        );

    /// <summary>A call whose answer does not matter when it is a good one.</summary>
    public Task CallAsync(GatewayCall call, CancellationToken ct) =>
        TryAsync(call, options.CallTimeout, static (_, _) => Task.FromResult(true), ct);

    /// <summary>Sends once, and answers as soon as the head of a stream is there; only the head has a time limit.</summary>
    public async Task<HttpResponseMessage> OpenStreamAsync(GatewayCall call, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(options.CallTimeout, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, ct);
        try
        {
            return await OpenAsync(call, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw Unreachable("it did not answer in time", e);
        }
    }

    private async Task<T> TryAsync<T>(
        GatewayCall call,
        TimeSpan limit,
        Func<HttpResponseMessage, CancellationToken, Task<T>> read,
        CancellationToken ct
    )
    {
        var patience = new Patience(call.MayRepeat ? options.RetryWithin : TimeSpan.Zero, options.Time);
        while (true)
        {
            try
            {
                return await TryOnceAsync(call, limit, read, ct).ConfigureAwait(false);
            }
            catch (PollardException e)
            {
                await patience.WaitOrThrowAsync(e, ct).ConfigureAwait(false);
            }
        }
    }

    private async Task<T> TryOnceAsync<T>(
        GatewayCall call,
        TimeSpan limit,
        Func<HttpResponseMessage, CancellationToken, Task<T>> read,
        CancellationToken ct
    )
    {
        using var timeout = new CancellationTokenSource(limit, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, ct);
        try
        {
            using var response = await OpenAsync(call, either.Token).ConfigureAwait(false);
            return await read(response, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw Unreachable("it did not answer in time", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw Unreachable(Reason(e), e);
        }
        catch (JsonException e)
        {
            throw BadAnswer("something else than the JSON expected", e);
        }
    }

    private async Task<HttpResponseMessage> OpenAsync(GatewayCall call, CancellationToken ct)
    {
        using var request = call.ToRequest(options.Key);
        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw Unreachable(Reason(e), e);
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw await RefusedAsync(response, ct).ConfigureAwait(false);
        }
    }

    // Of TLS the outer message only says that there is an inner one.
    private static string Reason(Exception e) =>
        e.InnerException is AuthenticationException inner ? $"TLS failed: {inner.Message}" : e.Message;

    /// <summary>No gateway answered.</summary>
    public PollardException Unreachable(string reason, Exception? inner = null) =>
        PollardException.For(
            PollardException.Unreachable,
            "The gateway cannot be reached.",
            $"The gateway at {Address} cannot be reached: {reason.TrimEnd('.')}. Start it with \"pollard up\", or name another address.",
            inner
        );

    private PollardException BadAnswer(string what, Exception? inner = null) =>
        PollardException.For(
            PollardException.BadAnswer,
            "The answer is not one of a gateway.",
            $"{Address} answered {what}. Is it a Pollard gateway of this version?",
            inner
        );

    private async Task<PollardException> RefusedAsync(HttpResponseMessage response, CancellationToken ct)
    {
        byte[] body;
        try
        {
            body = await response.Content.ReadAsByteArrayAsync(ct).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return Unreachable(Reason(e), e);
        }

        var task = response.Headers.TryGetValues("Pollard-Task", out var ids) ? ids.FirstOrDefault() : null;
        return new PollardException(
            ReadProblem(body, response.StatusCode) with
            {
                Status = (int)response.StatusCode,
                Task = task,
            }
        )
        {
            RetryAfter = RetryAfterOf(response),
        };
    }

    private TimeSpan? RetryAfterOf(HttpResponseMessage response)
    {
        var asked = response.Headers.RetryAfter;
        var delay = asked?.Delta ?? (asked?.Date - options.Time.GetUtcNow());
        return delay < TimeSpan.Zero ? TimeSpan.Zero : delay;
    }

    // Two shapes: ours (RFC 9457), and OpenAI's at its door.
    private Problem ReadProblem(byte[] body, HttpStatusCode status)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind == JsonValueKind.Object)
            {
                return json.RootElement.TryGetProperty("error", out var error)
                    ? ReadOpenAiError(error)
                    : json.RootElement.Deserialize(ProtocolJson.Default.Problem)!;
            }
        }
        catch (JsonException)
        {
            // A proxy's page, most likely: the status is all that can be said.
        }

        return new Problem
        {
            Type = PollardException.BadAnswer,
            Title = "The call was refused.",
            Detail = $"{Address} answered {(int)status} {status} and no reason.",
        };
    }

    private static Problem ReadOpenAiError(JsonElement error)
    {
        if (error.ValueKind != JsonValueKind.Object)
        {
            return new Problem
            {
                Type = PollardException.TypePrefix + "refused",
                Title = "The call was refused.",
                Detail = error.ToString(),
            };
        }

        return new Problem
        {
            Type = PollardException.TypePrefix + (Text("code") ?? Text("type") ?? "refused"),
            Title = "The call was refused.",
            Detail = Text("message"),
        };

        string? Text(string name) =>
            error.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
                ? value.GetString()
                : null;
    }
}
