using System.Net;
using System.Net.Http.Headers;
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

    /// <summary>A body of JSON.</summary>
    public static HttpContent Json<T>(T value, JsonTypeInfo<T> type) =>
        new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(value, type))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
        };

    /// <summary>A call and its answer, read to the end. The limit is <see cref="PollardClientOptions.CallTimeout"/> unless given.</summary>
    public async Task<T> CallAsync<T>(
        HttpRequestMessage request,
        JsonTypeInfo<T> type,
        CancellationToken ct,
        TimeSpan? limit = null
    )
    {
        using var timeout = new CancellationTokenSource(limit ?? options.CallTimeout, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, ct);
        try
        {
            using var response = await OpenAsync(request, either.Token).ConfigureAwait(false);
            var body = await response.Content.ReadAsByteArrayAsync(either.Token).ConfigureAwait(false);
            return JsonSerializer.Deserialize(body, type) ?? throw BadAnswer("null instead of an object");
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw Unreachable("it did not answer in time", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw Unreachable(e.Message, e);
        }
        catch (JsonException e)
        {
            throw BadAnswer("something else than the JSON expected", e);
        }
    }

    /// <summary>A call whose answer does not matter when it is a good one.</summary>
    public async Task CallAsync(HttpRequestMessage request, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(options.CallTimeout, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, ct);
        try
        {
            using var response = await OpenAsync(request, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw Unreachable("it did not answer in time", e);
        }
    }

    /// <summary>Sends, and answers as soon as the head of a good answer is there.</summary>
    public async Task<HttpResponseMessage> OpenAsync(HttpRequestMessage request, CancellationToken ct)
    {
        using (request)
        {
            if (options.Key is { } key)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            }

            HttpResponseMessage response;
            try
            {
                response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct)
                    .ConfigureAwait(false);
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                throw Unreachable(e.Message, e);
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
    }

    /// <summary>Sends, and answers as soon as the head of a stream is there; only the head has a time limit.</summary>
    public async Task<HttpResponseMessage> OpenStreamAsync(HttpRequestMessage request, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(options.CallTimeout, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, ct);
        try
        {
            return await OpenAsync(request, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw Unreachable("it did not answer in time", e);
        }
    }

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
            return Unreachable(e.Message, e);
        }

        var task = response.Headers.TryGetValues("Pollard-Task", out var ids) ? ids.FirstOrDefault() : null;
        return new PollardException(
            ReadProblem(body, response.StatusCode) with
            {
                Status = (int)response.StatusCode,
                Task = task,
            }
        );
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
