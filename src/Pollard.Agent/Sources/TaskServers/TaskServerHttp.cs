using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Agent.Backends.Tools;
using Pollard.Agent.Connections;
using Pollard.Agent.Pipeline;
using Pollard.Protocol.Dialects;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>
/// The only way to a task server: each request waits for its place, has its time, and brings back an answer of bounded size.
/// </summary>
internal sealed class TaskServerHttp : IDisposable
{
    private const int MostBytes = 32 * 1024 * 1024; // A task with a picture or two, or a call with its body.
    private const string WaitHeader = "X-Rate-Limit-Retry-After-Seconds"; // Of teleport servers.
    private const int MostWaitSeconds = 300;
    private static readonly TimeSpan MostDraw = TimeSpan.FromSeconds(10);
    private const int MostWordCharacters = 200;
    private static ReadOnlySpan<byte> MustWait => "Too many concurrent requests"u8; // Theirs as well, with no time.

    private readonly HttpClient _http;
    private readonly HttpClient _elsewhere;
    private readonly ConnectionLimit _limit;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly Uri _server;
    private readonly string _option;

    public TaskServerHttp(AgentOptions options, ConnectionLimit limit)
    {
        (_limit, _time, _random) = (limit, options.Time, options.Random);
        (_server, _option) = options.Teleport is { } teleport
            ? (teleport, "--teleport")
            : (options.Server!, "--server");
        _http = new HttpClient(Handler(options)) { Timeout = Timeout.InfiniteTimeSpan };
        if (options.ServerKey is { } key)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        // The authority is the server's, and such addresses are mostly of some cloud's.
        var elsewhere = Handler(options with { CertificateAuthorities = null });
        if (elsewhere.Proxy is null)
        {
            elsewhere.UseProxy = false;
            elsewhere.ConnectCallback = (context, ct) =>
                ToolConnection.ConnectAsync(
                    context.DnsEndPoint,
                    static address => !PrivateNetworks.Have(address),
                    options.Time,
                    ct
                );
        }

        _elsewhere = new HttpClient(elsewhere) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>
    /// True for an address of the server's own choice to which something may be brought: no plainer than the server's. It gets no key, and
    /// where it is not the server itself, it is not in a private network.
    /// </summary>
    public bool MaySendTo(Uri address) =>
        address.UserInfo.Length == 0
        && (
            address.Scheme == Uri.UriSchemeHttps
            || (address.Scheme == Uri.UriSchemeHttp && address.Scheme == _server.Scheme)
        );

    /// <summary>Asks for work, to the end: a server that keeps no account of what it hands out loses what nobody hears.</summary>
    public Task<ServerAnswer> AskAsync(Uri address, TimeSpan within, CancellationToken ct) =>
        _limit.AskAsync((_, token) => SendAsync(new HttpRequestMessage(HttpMethod.Get, address), within, token), ct);

    /// <summary>
    /// Asks for work, until the place is wanted back: then it is as if there were none. For servers that give what nobody hears to
    /// somebody else.
    /// </summary>
    /// <param name="pace">Waits until it may be asked.</param>
    /// <param name="address">What is asked.</param>
    /// <param name="within">How long the server may hold it.</param>
    /// <param name="ct">Gives up.</param>
    public Task<ServerAnswer> HoldAsync(
        Func<CancellationToken, Task> pace,
        Uri address,
        TimeSpan within,
        CancellationToken ct
    ) =>
        _limit.AskAsync(
            async (wantedBack, token) =>
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(wantedBack, token);
                try
                {
                    await pace(either.Token);
                    return await SendAsync(new HttpRequestMessage(HttpMethod.Get, address), within, either.Token);
                }
                catch (OperationCanceledException) when (!token.IsCancellationRequested)
                {
                    return new ServerAnswer(HttpStatusCode.NoContent, null, true, null);
                }
            },
            ct
        );

    /// <summary>Brings JSON.</summary>
    public Task<ServerAnswer> BringAsync(
        Uri address,
        ReadOnlyMemory<byte> json,
        TimeSpan within,
        CancellationToken ct
    ) =>
        BringAsync(
            () =>
            {
                var request = new HttpRequestMessage(HttpMethod.Post, address)
                {
                    Content = new ReadOnlyMemoryContent(json),
                };
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                return request;
            },
            within,
            ct
        );

    /// <summary>Brings something, or asks about it, as soon as there is a place.</summary>
    /// <param name="request">Makes the request, once.</param>
    /// <param name="within">How long sending it and hearing the answer may take.</param>
    /// <param name="ct">Gives up.</param>
    public Task<ServerAnswer> BringAsync(Func<HttpRequestMessage> request, TimeSpan within, CancellationToken ct) =>
        _limit.BringAsync(token => SendAsync(request(), within, token), ct);

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        _elsewhere.Dispose();
    }

    private static SocketsHttpHandler Handler(AgentOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // A redirect would lead results to an address nobody configured.
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // The address may change.
            AutomaticDecompression = DecompressionMethods.None,
        };
        WayOut.ToServer(options)(handler);
        return handler;
    }

    private HttpClient ClientFor(Uri address) =>
        address.GetLeftPart(UriPartial.Authority) == _server.GetLeftPart(UriPartial.Authority) ? _http : _elsewhere;

    private async Task<ServerAnswer> SendAsync(HttpRequestMessage request, TimeSpan within, CancellationToken ct)
    {
        var begun = _time.GetTimestamp();
        var answer = await AnswerAsync(request, within, ct);
        return answer with { Took = _time.GetElapsedTime(begun) };
    }

    private async Task<ServerAnswer> AnswerAsync(HttpRequestMessage request, TimeSpan within, CancellationToken ct)
    {
        var address = request.RequestUri!;
        using var late = new CancellationTokenSource(within, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        using (request)
        {
            try
            {
                using var response = await ClientFor(address)
                    .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
                await response.Content.LoadIntoBufferAsync(MostBytes, either.Token);
                var body = await response.Content.ReadAsByteArrayAsync(either.Token);
                return new ServerAnswer(
                    response.StatusCode,
                    Parse(body),
                    body.Length == 0,
                    TroubleOf(response, address, body)
                )
                {
                    Date = response.Headers.Date,
                };
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
    private ServerTrouble? TroubleOf(HttpResponseMessage response, Uri address, byte[] body)
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
                $"{address} answers {status}: there is no such thing. Is {_option} the address of a task server, without /get-task?"
            ),
            429 => new(TroubleKind.Busy, $"{address} answers 429: it is asked too often", RetryAfter(response, body)),
            408 or >= 500 => new(TroubleKind.Away, $"{address} answers {status}", RetryAfter(response, body)),
            _ => new(TroubleKind.Odd, $"{address} answers {status}"),
        };
    }

    /// <summary>Seconds or a date; what lies in the past, or is none of both, is nothing.</summary>
    private TimeSpan? RetryAfter(HttpResponseMessage response, byte[] body)
    {
        if (
            response.Headers.TryGetValues(WaitHeader, out var said)
            && int.TryParse(said.First(), CultureInfo.InvariantCulture, out var seconds)
            && seconds is >= 0 and <= MostWaitSeconds
        )
        {
            return TimeSpan.FromSeconds(seconds);
        }

        if (body.AsSpan().IndexOf(MustWait) >= 0)
        {
            return _random.NextDouble() * MostDraw; // All agents that are told so at the same moment come at different ones.
        }

        return
            response.Headers.RetryAfter is { } header
            && (header.Delta ?? (header.Date - _time.GetUtcNow())) is { } wait
            && wait > TimeSpan.Zero
            ? wait
            : null;
    }

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
    /// <summary>How long the request took, without the wait for its place.</summary>
    public TimeSpan Took { get; init; }

    /// <summary>The server's own words on how it went: <c>success</c>, <c>error</c>; null when it has none.</summary>
    public string? Word => Body?.Text("status");

    /// <summary>The server's clock, where it says what it shows.</summary>
    public DateTimeOffset? Date { get; init; }
}
