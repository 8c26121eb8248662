using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Pollard.Simulators;

/// <summary>The HTTP server under every simulator: reads the body, checks the key, counts, draws the fault, names itself.</summary>
internal sealed class SimulatorServer : IAsyncDisposable
{
    /// <summary>What the simulators call themselves in <c>Server</c> headers.</summary>
    public const string ServerName = "Pollard-Simulator/0.1";

    private const long LargestBodyBytes = 128L * 1024 * 1024;

    private readonly SimulatorOptions _options;
    private readonly ISimulatedApi _api;
    private readonly CancellationTokenSource _stopping = new();
    private readonly WebApplication _app;
    private bool _disposed;

    private SimulatorServer(SimulatorOptions options, ISimulatedApi api, string url)
    {
        _options = options;
        _api = api;
        Ledger = new(options.Time);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = LargestBodyBytes;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http1);
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        _app = builder.Build();
        _app.Urls.Add(url);
        _app.Run(HandleAsync);
    }

    public SimulatorLedger Ledger { get; }

    public Uri Url { get; private set; } = new("http://127.0.0.1");

    public static async Task<RunningSimulator> StartAsync(
        string url,
        SimulatorOptions options,
        ISimulatedApi api,
        CancellationToken ct
    )
    {
        SimulatorServer server = new(options, api, url);
        try
        {
            await server._app.StartAsync(ct);
            server.Url = new(server._app.Urls.First());
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        return new(server);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true))
        {
            return;
        }

        await _stopping.CancelAsync();
        await _app.StopAsync(CancellationToken.None); // It has a time-out of its own.
        await _app.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task HandleAsync(HttpContext http)
    {
        http.Response.Headers.Server = ServerName;
        using var both = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, _stopping.Token);
        try
        {
            await AnswerAsync(http, both.Token);
        }
        catch (OperationCanceledException) when (both.IsCancellationRequested)
        {
            http.Abort(); // The client left, or we stop.
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException e)
        {
            http.Response.StatusCode = e.StatusCode;
        }
    }

    private async Task AnswerAsync(HttpContext http, CancellationToken ct)
    {
        if (http.Request.Path == "/simulator/stats")
        {
            await WriteStatsAsync(http, ct);
            return;
        }

        var body = await ReadBodyAsync(http, ct);
        Ledger.Record(
            new(
                http.Request.Method,
                http.Request.Path,
                http.Request.Headers.ToDictionary(
                    header => header.Key,
                    header => header.Value.ToString(),
                    StringComparer.OrdinalIgnoreCase
                ),
                Encoding.UTF8.GetString(body.Span)
            )
        );
        if (_options.Key is { } key && !Shows(http.Request.Headers, key))
        {
            await _api.RefuseAsync(http, 401, "the simulator wants its key as a bearer token or as x-api-key", ct);
            return;
        }

        if (_api.IsWork(http.Request.Path))
        {
            await WorkAsync(http, body, ct);
        }
        else
        {
            await _api.AnswerAsync(new(http, body, null), ct);
        }
    }

    private static bool Shows(IHeaderDictionary headers, string key) =>
        headers.Authorization == $"Bearer {key}" || headers["x-api-key"] == key;

    private async Task WorkAsync(HttpContext http, ReadOnlyMemory<byte> body, CancellationToken ct)
    {
        var number = Ledger.Begin();
        SimulatedRequest request = new(http, body, Drawn(number));
        var ended = false;
        try
        {
            ended = await WorkAsync(request, ct);
        }
        finally
        {
            if (http.RequestAborted.IsCancellationRequested && !ended && request.Fault?.Kind != FaultKind.Cut)
            {
                Ledger.Abort(http.Request.Path, request.Stream?.Sent ?? 0);
            }
            else
            {
                Ledger.End(ended);
            }
        }
    }

    private async Task<bool> WorkAsync(SimulatedRequest request, CancellationToken ct)
    {
        switch (request.Fault?.Kind)
        {
            case FaultKind.ServerError:
                await _api.RefuseAsync(request.Http, 500, "the simulator was told to fail", ct);
                return false;
            case FaultKind.Overload:
                await _api.RefuseAsync(request.Http, 529, "the simulator was told to be overloaded", ct);
                return false;
            case FaultKind.RateLimit:
                var seconds = Math.Ceiling(request.Fault.RetryAfter.TotalSeconds);
                request.Http.Response.Headers.RetryAfter = FormattableString.Invariant($"{seconds}");
                await _api.RefuseAsync(request.Http, 429, "the simulator was told to be busy", ct);
                return false;
            default:
                return await _api.AnswerAsync(request, ct);
        }
    }

    private SimulatorFault? Drawn(long number)
    {
        foreach (var fault in _options.Faults)
        {
            if (fault.Strikes(number, _options.Seed) && Ledger.Strike(fault))
            {
                return fault;
            }
        }

        return null;
    }

    private async Task WriteStatsAsync(HttpContext http, CancellationToken ct)
    {
        http.Response.ContentType = "application/json";
        Utf8JsonWriter json = new(http.Response.BodyWriter);
        await using (json)
        {
            var stats = Ledger.Now();
            json.WriteStartObject();
            json.WriteString("server", ServerName);
            json.WriteNumber("requests", stats.Requests);
            json.WriteNumber("active", stats.Active);
            json.WriteNumber("completed", stats.Completed);
            json.WriteNumber("faulted", stats.Faulted);
            json.WriteNumber("aborted", stats.Aborted);
            json.WriteStartArray("aborts");
            foreach (var abort in stats.Aborts)
            {
                json.WriteStartObject();
                json.WriteString("path", abort.Path);
                json.WriteString("at", abort.At);
                json.WriteNumber("tokens_sent", abort.TokensSent);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        await http.Response.BodyWriter.FlushAsync(ct);
    }

    private static async Task<ReadOnlyMemory<byte>> ReadBodyAsync(HttpContext http, CancellationToken ct)
    {
        using MemoryStream bytes = new();
        await http.Request.Body.CopyToAsync(bytes, ct);
        return bytes.ToArray();
    }
}

/// <summary>One request on its way through a simulator.</summary>
internal sealed class SimulatedRequest(HttpContext http, ReadOnlyMemory<byte> body, SimulatorFault? fault)
{
    public HttpContext Http => http;

    public ReadOnlyMemory<byte> Body => body;

    public SimulatorFault? Fault => fault;

    /// <summary>The answer on its way, once there is one.</summary>
    public ReplyStream? Stream { get; private set; }

    /// <summary>Sends the answers, in pieces or whole. False: a fault ended it.</summary>
    public Task<bool> ReplyAsync(
        ReplyDialect dialect,
        IReadOnlyList<Reply> replies,
        bool stream,
        SimulatorOptions options,
        CancellationToken ct
    )
    {
        Stream = new(http, dialect, options, fault);
        return stream ? Stream.StreamAsync(replies, ct) : Stream.WholeAsync(replies, ct);
    }
}

/// <summary>The routes of one API.</summary>
internal interface ISimulatedApi
{
    /// <summary>True for a path that makes the model work; those are counted and may fail.</summary>
    bool IsWork(string path);

    /// <summary>Answers one request. False: it was refused or a fault ended it.</summary>
    Task<bool> AnswerAsync(SimulatedRequest request, CancellationToken ct);

    /// <summary>Answers with an error in the API's shape.</summary>
    Task RefuseAsync(HttpContext http, int status, string message, CancellationToken ct);
}
