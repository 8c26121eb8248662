using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Pollard.Agent.Backends.Http;

/// <summary>The connection to one model server: made for calls that take hours and must end at once when they are cancelled.</summary>
internal sealed class BackendHttp : IDisposable
{
    private static readonly IReadOnlyDictionary<string, string> NoHeaders = System
        .Collections
        .ObjectModel
        .ReadOnlyDictionary<string, string>
        .Empty;

    private const long LongestAnswerBytes = 32L * 1024 * 1024;

    private readonly HttpBackendOptions _options;
    private readonly HttpClient _http;
    private readonly string _root;

    public BackendHttp(HttpBackendOptions options)
    {
        _options = options;
        if (options.BaseUrl.Scheme is not ("http" or "https"))
        {
            throw new ArgumentException(
                $"the backend's URL {options.BaseUrl} must begin with http:// or https://",
                nameof(options)
            );
        }

        _root = options.BaseUrl.GetLeftPart(UriPartial.Path).TrimEnd('/');
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false, // A redirect would lead prompts and keys to an address nobody configured.
            UseCookies = false,
            UseProxy = !options.BaseUrl.IsLoopback,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            EnableMultipleHttp2Connections = true,
            ActivityHeadersPropagator = null, // The offer's trace context is sent, not ours.
            // Left alone, giving up an answer reads on for up to 2 s instead of closing the connection.
            MaxResponseDrainSize = 0,
            ResponseDrainTimeout = TimeSpan.Zero,
        };
        _http = new(handler)
        {
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
    }

    /// <summary>The server's address for people, without a user or a password.</summary>
    public string Address => _root;

    /// <summary>Asks for something small.</summary>
    public Task<HttpResponseMessage> GetAsync(string path, CancellationToken ct) =>
        SendAsync(HttpMethod.Get, path, null, null, ct);

    /// <summary>Asks for JSON of a moderate size.</summary>
    public async Task<JsonDocument> GetJsonAsync(string path, CancellationToken ct)
    {
        using var response = await GetAsync(path, ct);
        return await ReadJsonAsync(response, ct);
    }

    /// <summary>Asks for JSON of a moderate size.</summary>
    public async Task<JsonDocument> PostJsonAsync(string path, ReadOnlyMemory<byte> json, CancellationToken ct)
    {
        using var response = await PostAsync(path, json, null, ct);
        return await ReadJsonAsync(response, ct);
    }

    /// <summary>Sends work; the answer's body is not read yet.</summary>
    public Task<HttpResponseMessage> PostAsync(
        string path,
        ReadOnlyMemory<byte> json,
        string? traceparent,
        CancellationToken ct
    ) => SendAsync(HttpMethod.Post, path, new ReadOnlyMemoryContent(json), traceparent, ct);

    private static async Task<JsonDocument> ReadJsonAsync(HttpResponseMessage response, CancellationToken ct)
    {
        response.EnsureSuccessStatusCode();
        await response.Content.LoadIntoBufferAsync(LongestAnswerBytes, ct);
        return await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(ct), cancellationToken: ct);
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method,
        string path,
        HttpContent? content,
        string? traceparent,
        CancellationToken ct
    )
    {
        using HttpRequestMessage request = new(method, _root + path);
        if (content is not null)
        {
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            request.Content = content;
        }

        if (_options.ApiKey is { Length: > 0 } key)
        {
            request.Headers.Authorization = new("Bearer", key);
        }

        if (traceparent is not null)
        {
            request.Headers.TryAddWithoutValidation("traceparent", traceparent);
        }

        foreach (var (name, value) in _options.Headers ?? NoHeaders)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
    }
}
