using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Pollard.Simulators;

/// <summary>
/// Stands in for a server of tasks with the small contract: hands one out to whoever asks, forgets about leases, and counts what comes
/// back. Its statistics say what an agent did wrong: results that came twice, tasks that never came back, requests at the same time.
/// </summary>
public sealed class TaskSimulator : ISimulatedApi
{
    /// <summary>Tasks that it hands out at the most; then there are none.</summary>
    public const int MostTasks = 1_000_000;

    /// <summary>Iterations that a task may have.</summary>
    public const int MostIterations = 10_000;

    private const int LeastIterations = 5;
    private const int MoreIterations = 11;
    private readonly SimulatorOptions _options;
    private readonly int _tasks;
    private readonly int? _iterations;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _completions = new(StringComparer.Ordinal);
    private long _completed;
    private long _duplicates;
    private long _unknown;
    private long _failed;
    private int _open;
    private int _mostOpen;

    private TaskSimulator(SimulatorOptions options, int tasks, int? iterations) =>
        (_options, _tasks, _iterations) = (options, tasks, iterations);

    /// <summary>Starts to answer at a URL; port 0 takes a free one.</summary>
    /// <param name="url">Where.</param>
    /// <param name="options">Its seed, delays and faults.</param>
    /// <param name="tasks">Tasks that there are, 1 to <see cref="MostTasks"/>.</param>
    /// <param name="iterations">Iterations of each task, 0 to <see cref="MostIterations"/>; null: 5 to 15, by the seed.</param>
    /// <param name="cancellationToken">Gives up starting.</param>
    public static Task<RunningSimulator> StartAsync(
        string url,
        SimulatorOptions options,
        int tasks,
        int? iterations,
        CancellationToken cancellationToken
    ) => SimulatorServer.StartAsync(url, options, new TaskSimulator(options, tasks, iterations), cancellationToken);

    bool ISimulatedApi.IsWork(string path) => path is "/get-task" or "/complete-task";

    Task ISimulatedApi.RefuseAsync(HttpContext http, int status, string message, CancellationToken ct) =>
        SayAsync(http, status, "error", message, ct);

    async Task<bool> ISimulatedApi.AnswerAsync(SimulatedRequest request, CancellationToken ct)
    {
        if (request.Http.Request.Path == "/stats")
        {
            return await WriteAsync(request.Http, 200, WriteStats, ct); // Not counted: anybody may look.
        }

        Open(+1);
        try
        {
            await Task.Delay(_options.FirstTokenDelay, _options.Time, ct);
            return await AnswerAsync(request, ct);
        }
        finally
        {
            Open(-1);
        }
    }

    private async Task<bool> AnswerAsync(SimulatedRequest request, CancellationToken ct)
    {
        var http = request.Http;
        switch (request.Fault?.Kind)
        {
            case FaultKind.Cut:
                http.Abort();
                return false;
            case FaultKind.Stall:
                await Task.Delay(Timeout.InfiniteTimeSpan, _options.Time, ct);
                return false;
            case FaultKind.Garbage:
                await http.Response.WriteAsync("<html><body>Hello from some other server</body></html>", ct);
                return false;
            case FaultKind.StreamError:
                await SayAsync(http, 200, "error", "the simulator was told to fail", ct);
                return false;
        }

        switch (http.Request.Method, http.Request.Path.Value)
        {
            case ("GET", "/get-task"):
                return await HandOutAsync(http, ct);
            case ("POST", "/complete-task"):
                return await CompleteAsync(request, ct);
            default:
                http.Response.StatusCode = 404;
                await http.Response.WriteAsync("<!doctype html><title>404 Not Found</title>", ct);
                return false;
        }
    }

    private Task<bool> HandOutAsync(HttpContext http, CancellationToken ct)
    {
        string? id = null;
        int number;
        lock (_gate)
        {
            number = _completions.Count + 1;
            if (number <= _tasks)
            {
                id = IdOf(number);
                _completions[id] = 0;
            }
        }

        return WriteAsync(
            http,
            200,
            json =>
            {
                json.WriteString("status", "success");
                if (id is null)
                {
                    json.WriteNull("data");
                    return;
                }

                var iterations = _iterations ?? LeastIterations + (int)(Digest(number)[^1] % (uint)MoreIterations);
                json.WriteStartObject("data");
                json.WriteString("taskId", id);
                json.WriteString("taskName", FormattableString.Invariant($"task_{number}_{iterations}"));
                json.WriteNumber("iterations", iterations);
                json.WriteString("timestamp", _options.Time.GetUtcNow());
                json.WriteEndObject();
            },
            ct
        );
    }

    private async Task<bool> CompleteAsync(SimulatedRequest request, CancellationToken ct)
    {
        JsonElement body;
        try
        {
            body = JsonElement.Parse(request.Body.Span);
        }
        catch (JsonException)
        {
            request.Http.Response.StatusCode = 400;
            await request.Http.Response.WriteAsync("<!doctype html><title>400 Bad Request</title>", ct);
            return false;
        }

        if (body.Text("taskId") is not { Length: > 0 } id)
        {
            return await SayAsync(request.Http, 400, "error", "taskId is required", ct);
        }

        if (!Complete(id, isFailure: body.Member("error") is not null))
        {
            return await SayAsync(request.Http, 404, "error", $"Task {id} not found", ct);
        }

        if (request.Fault?.Kind == FaultKind.EarlyEnd)
        {
            request.Http.Abort(); // It is done, and nobody hears so.
            return false;
        }

        return await SayAsync(request.Http, 200, "success", $"Task {id} completed", ct);
    }

    private bool Complete(string id, bool isFailure)
    {
        lock (_gate)
        {
            if (!_completions.TryGetValue(id, out var before))
            {
                _unknown++;
                return false;
            }

            _completions[id] = before + 1;
            _completed++;
            _duplicates += before > 0 ? 1 : 0;
            _failed += isFailure ? 1 : 0;
            return true;
        }
    }

    private void WriteStats(Utf8JsonWriter json)
    {
        lock (_gate)
        {
            var done = _completed - _duplicates;
            json.WriteNumber("total_tasks", _completions.Count);
            json.WriteNumber("completed_tasks", _completed); // As the servers of this contract count: twice is two.
            json.WriteNumber("pending_tasks", _completions.Count - done);
            json.WriteNumber("duplicates", _duplicates);
            json.WriteNumber("unknown", _unknown);
            json.WriteNumber("failed", _failed);
            json.WriteNumber("most_at_once", _mostOpen);
        }
    }

    private void Open(int more)
    {
        lock (_gate)
        {
            _open += more;
            _mostOpen = Math.Max(_mostOpen, _open);
        }
    }

    private string IdOf(int number) => new Guid(Digest(number).AsSpan(0, 16)).ToString();

    private byte[] Digest(int number) =>
        SHA256.HashData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{_options.Seed} {number}")));

    private static async Task<bool> SayAsync(
        HttpContext http,
        int status,
        string word,
        string message,
        CancellationToken ct
    )
    {
        await WriteAsync(
            http,
            status,
            json =>
            {
                json.WriteString("status", word);
                json.WriteString("message", message);
            },
            ct
        );
        return status == 200 && word == "success";
    }

    private static async Task<bool> WriteAsync(
        HttpContext http,
        int status,
        Action<Utf8JsonWriter> write,
        CancellationToken ct
    )
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        OllamaDialect.WriteObject(http.Response.BodyWriter, write);
        await http.Response.BodyWriter.FlushAsync(ct);
        return true;
    }
}
