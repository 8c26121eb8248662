using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Protocol.Dialects;

namespace Pollard.Agent.Sources.Andy;

/// <summary>The calls to an Andy server: small JSON there, JSON of bounded size back, each within a time of its own.</summary>
internal sealed class AndyHttp : IDisposable
{
    private const int MostBytes = 16 * 1024 * 1024; // Work with a picture or two.
    private readonly HttpClient _http;
    private readonly TimeProvider _time;

    public AndyHttp(TimeProvider time, Action<SocketsHttpHandler> configure)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // A redirect would lead answers to an address nobody configured.
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // The address may change.
            AutomaticDecompression = DecompressionMethods.None,
        };
        configure(handler);
        _time = time;
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>What makes the connections.</summary>
    public HttpMessageInvoker Invoker => _http;

    /// <summary>Asks.</summary>
    /// <exception cref="HttpRequestException">There is no answer, or none that can be read.</exception>
    public Task<AndyReply> GetAsync(Uri address, TimeSpan within, CancellationToken ct) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, address), within, ct);

    /// <summary>Says something.</summary>
    /// <exception cref="HttpRequestException">There is no answer, or none that can be read.</exception>
    public Task<AndyReply> PostAsync(Uri address, ReadOnlyMemory<byte> json, TimeSpan within, CancellationToken ct)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ReadOnlyMemoryContent(json) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return SendAsync(request, within, ct);
    }

    /// <summary>What a server says, halves of characters mended; null for what is no JSON: some answer in HTML, or with nothing.</summary>
    public static JsonElement? Parse(ReadOnlyMemory<byte> json) =>
        ExtraMembers.Parse(json) ?? ExtraMembers.Parse(Encoding.UTF8.GetBytes(HalfCharacters.Replace(json.Span)));

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<AndyReply> SendAsync(HttpRequestMessage request, TimeSpan within, CancellationToken ct)
    {
        using var late = new CancellationTokenSource(within, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        using (request)
        {
            try
            {
                using var response = await _http.SendAsync(
                    request,
                    HttpCompletionOption.ResponseHeadersRead,
                    either.Token
                );
                await response.Content.LoadIntoBufferAsync(MostBytes, either.Token);
                var body = await response.Content.ReadAsByteArrayAsync(either.Token);
                return new AndyReply(
                    response.StatusCode,
                    body.Length == 0 ? null : Parse(body),
                    RetryAfter(response.Headers.RetryAfter)
                );
            }
            catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
            {
                throw new HttpRequestException($"no answer came within {within.TotalSeconds:0} seconds", e);
            }
        }
    }

    private TimeSpan? RetryAfter(RetryConditionHeaderValue? header) =>
        header?.Delta ?? (header?.Date is { } date ? date - _time.GetUtcNow() : null);
}

/// <summary>What an Andy server answered.</summary>
/// <param name="Status">The status.</param>
/// <param name="Body">The body; null when it is no JSON.</param>
/// <param name="RetryAfter">When to come again, where the server says so.</param>
internal readonly record struct AndyReply(HttpStatusCode Status, JsonElement? Body, TimeSpan? RetryAfter)
{
    /// <summary>True for 2xx.</summary>
    public bool IsGood => (int)Status is >= 200 and < 300;
}
