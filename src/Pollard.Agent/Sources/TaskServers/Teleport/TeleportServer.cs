using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Sources.TaskServers.Teleport;

/// <summary>
/// A teleport server: it holds the question for a call until there is one, takes small answers in JSON and large ones as files, and
/// changes settings of its agents. What it hands to somebody who has left is over when the call's time is.
/// </summary>
internal sealed partial class TeleportServer : ITaskServer
{
    private const int LongestId = 200;
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(100); // What its agents have always waited.
    private static readonly TimeSpan UsualTime = TimeSpan.FromSeconds(300); // Of a call that says no end.
    private static readonly TimeSpan MostTime = TimeSpan.FromDays(7);

    private readonly TaskServerHttp _http;
    private readonly TaskStage _stage;
    private readonly TeleportCalls _calls;
    private readonly TeleportDelivery _delivery;
    private readonly AskingRate _rate;
    private readonly ILogger _logger;
    private readonly Uri _getTask;
    private TeleportConfig _config = new();

    public TeleportServer(
        Uri server,
        TaskServerHttp http,
        TaskStage stage,
        IReadOnlyList<HttpToolBackend> tools,
        ILogger<TeleportServer> logger
    )
    {
        var options = stage.Options;
        (_http, _stage, _logger) = (http, stage, logger);
        _rate = new AskingRate(options.Time);
        _calls = new TeleportCalls(tools, options);
        var place = new TeleportPlace(server, options.EnvironmentName);
        _delivery = new TeleportDelivery(place, http, options);
        var id = string.Create(
            CultureInfo.InvariantCulture,
            $"{options.Time.GetUtcNow().ToUnixTimeSeconds()}_{options.Random.Next(0x1000000):x6}"
        );
        _getTask = place.Of("get-task", ("agentId", id), ("agentVersion", Version));
    }

    /// <summary>The version that servers are told.</summary>
    public static string Version { get; } =
        typeof(TeleportServer).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            is { InformationalVersion: var version }
            ? version.Split('+')[0]
            : "0";

    /// <inheritdoc/>
    public async Task<FetchReply> FetchAsync(CancellationToken ct)
    {
        var answer = await _http.HoldAsync(
            token => _rate.WaitAsync(_config.AsksPerMinute, token),
            _getTask,
            Within,
            ct
        );
        var reply = Read(answer);
        ServerFigures.Fetched(answer, reply);
        return reply;
    }

    /// <inheritdoc/>
    public TaskJob Read(FetchedTask task, string bodyPath) => _calls.Read(task, bodyPath, _config.IsUploadDirect);

    /// <inheritdoc/>
    public Task<ServerTrouble?> DeliverAsync(FetchedTask task, TaskResult result, CancellationToken ct) =>
        _delivery.DeliverAsync(task, result, ct);

    /// <inheritdoc/>
    public Task<bool> GiveBackAsync(FetchedTask task, CancellationToken ct) => Task.FromResult(false); // Its time will be over.

    /// <inheritdoc/>
    public Task<string?> LookAsync(CancellationToken ct) => Task.FromResult<string?>($"calls go to {_calls.Tools}"); // It says nothing of itself.

    private FetchReply Read(ServerAnswer answer)
    {
        if (answer.Trouble is { } trouble)
        {
            return trouble;
        }

        if (answer.Status == HttpStatusCode.NoContent)
        {
            return FetchReply.None;
        }

        if (answer is not { Body: { ValueKind: JsonValueKind.Object } body })
        {
            return Odd("answers something that is no task");
        }

        if (body.Member("data") is not { } call)
        {
            return FetchReply.None;
        }

        if (call.Text("taskId") is not { Length: > 0 and <= LongestId } id)
        {
            return Odd("gives a task without a usable taskId");
        }

        if (call.Member("globalConfig") is { } config)
        {
            Heed(config);
        }

        return new FetchedTask(id, Encoding.UTF8.GetBytes(call.GetRawText()), EndOf(call, answer.Date));
    }

    /// <summary>When the call's time is over by our clock. The server's own, which the end is by, may show another time.</summary>
    private DateTimeOffset EndOf(JsonElement call, DateTimeOffset? serverClock)
    {
        var now = _stage.Time.GetUtcNow();
        var left =
            call.Integer("expiryTsMs") is { } said
            && said >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds()
            && said <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
                ? DateTimeOffset.FromUnixTimeMilliseconds(said) - (serverClock ?? now)
                : UsualTime;
        return now + (left < MostTime ? left : MostTime);
    }

    private void Heed(JsonElement said)
    {
        var config = _config.With(said);
        if (config == _config)
        {
            return; // Servers say it with every call.
        }

        _config = config;
        if (config.PoolSize is { } size)
        {
            _stage.ResizeByServer(size);
        }

        LogConfig(_logger, config);
    }

    private ServerTrouble Odd(string what) => new(TroubleKind.Odd, $"{_getTask.GetLeftPart(UriPartial.Path)} {what}");

    [LoggerMessage(Level = LogLevel.Information, Message = "The server has changed settings of its agents: {Config}")]
    private static partial void LogConfig(ILogger logger, TeleportConfig config);
}
