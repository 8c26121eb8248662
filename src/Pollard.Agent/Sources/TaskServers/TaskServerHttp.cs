using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Agent.Pipeline;
using Pollard.Protocol.Dialects;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>
/// The only way to a task server: each request waits for its place, has its time, and brings back an answer of bounded size.
/// </summary>
internal sealed class TaskServerHttp : IDisposable
{
    private const int MostBytes = 16 * 1024 * 1024; // A task with a picture or two.
    private const int MostWordCharacters = 200;
    private readonly HttpClient _http;
    private readonly ConnectionLimit _limit;
    private readonly TimeProvider _time;

    public TaskServerHttp(AgentOptions options, ConnectionLimit limit)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // A redirect would lead results to an address nobody configured.
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // The address may change.
            AutomaticDecompression = DecompressionMethods.None,
        };
        options.ConfigureHttp?.Invoke(handler);
        (_limit, _time) = (limit, options.Time);
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        if (options.ServerKey is { } key)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }
    }

    /// <summary>Asks for work, to the end: a server that keeps no account of what it hands out loses what nobody hears.</summary>
    public Task<ServerAnswer> AskAsync(Uri address, TimeSpan within, CancellationToken ct) =>
        _limit.AskAsync((_, token) => SendAsync(new HttpRequestMessage(HttpMethod.Get, address), within, token), ct);

    /// <summary>Brings something.</summary>
    public Task<ServerAnswer> BringAsync(
        Uri address,
        ReadOnlyMemory<byte> json,
        TimeSpan within,
        CancellationToken ct
    ) =>
        _limit.BringAsync(
            token =>
            {
                var request = new HttpRequestMessage(HttpMethod.Post, address)
                {
                    Content = new ReadOnlyMemoryContent(json),
                };
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                return SendAsync(request, within, token);
            },
            ct
        );

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<ServerAnswer> SendAsync(HttpRequestMessage request, TimeSpan within, CancellationToken ct)
    {
        var address = request.RequestUri!;
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
                return new ServerAnswer(
                    response.StatusCode,
                    Parse(body),
                    body.Length == 0,
                    TroubleOf(response, address)
                );
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                return Away($"{address} does not answer within {within.TotalSeconds:0} s");
            }
            catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
            {
                return new ServerAnswer(default, null, false, new(TroubleKind.Odd, $"{address} sends too much"));
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                return Away($"{address} cannot be reached: {Word(e.GetBaseException().Message)}");
            }
        }
    }

    private static ServerAnswer Away(string message) => new(default, null, false, new(TroubleKind.Away, message));

    /// <summary>What a status means that is no success; what else it may mean to one request the caller knows.</summary>
    private ServerTrouble? TroubleOf(HttpResponseMessage response, Uri address)
    {
        var status = (int)response.StatusCode;
        return status switch
        {
            >= 200 and < 300 => null,
            401 or 403 => new(
                TroubleKind.Refused,
                $"{address} answers {status}: it does not let this agent in. Name a file with its key by --key-file, or ask its owner"
            ),
            404 or 405 or 410 or 501 => new(
                TroubleKind.Refused,
                $"{address} answers {status}: there is no such thing. Is --server the address of a task server, without /get-task?"
            ),
            429 => new(TroubleKind.Busy, $"{address} answers 429: it is asked too often", RetryAfter(response)),
            408 or >= 500 => new(TroubleKind.Away, $"{address} answers {status}", RetryAfter(response)),
            _ => new(TroubleKind.Odd, $"{address} answers {status}"),
        };
    }

    /// <summary>Seconds or a date; what lies in the past, or is none of both, is nothing.</summary>
    private TimeSpan? RetryAfter(HttpResponseMessage response) =>
        response.Headers.RetryAfter is { } header
        && (header.Delta ?? (header.Date - _time.GetUtcNow())) is { } wait
        && wait > TimeSpan.Zero
            ? wait
            : null;

    /// <summary>What a server says, halves of characters mended; null for what is no JSON.</summary>
    private static JsonElement? Parse(byte[] json) =>
        json.Length == 0
            ? null
            : ExtraMembers.Parse(json) ?? ExtraMembers.Parse(Encoding.UTF8.GetBytes(HalfCharacters.Replace(json)));

    private static string Word(string text) => text.Length <= MostWordCharacters ? text : text[..MostWordCharacters];
}

/// <summary>What a task server answered, or why it did not.</summary>
/// <param name="Status">The status; 0 when there is none.</param>
/// <param name="Body">The body; null when it is no JSON.</param>
/// <param name="IsEmpty">True when there is no body.</param>
/// <param name="Trouble">What is wrong; null for 2xx.</param>
internal readonly record struct ServerAnswer(
    HttpStatusCode Status,
    JsonElement? Body,
    bool IsEmpty,
    ServerTrouble? Trouble
)
{
    /// <summary>The server's own words on how it went: <c>success</c>, <c>error</c>; null when it has none.</summary>
    public string? Word => Body?.Text("status");
}
