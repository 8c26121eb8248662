using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Pollard.Bench.Machine;
using Pollard.Bench.Roles;

namespace Pollard.Bench.TaskAgents;

/// <summary>A task server in this process whose tasks are for a model that says when it was done: it knows how long each result took to come.</summary>
internal sealed class ClockTasks : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Lock _gate = new();
    private readonly HashSet<string> _done = new(StringComparer.Ordinal);
    private readonly List<long> _latencies = [];
    private int _given;
    private int _twice;
    private int _open;
    private int _mostOpen;

    private ClockTasks(WebApplication app, int port)
    {
        (_app, Url) = (app, $"http://127.0.0.1:{port}");
        app.MapGet("/get-task", GiveAsync);
        app.MapPost("/complete-task", TakeAsync);
    }

    /// <summary>Its address.</summary>
    public string Url { get; }

    /// <summary>What it has counted so far.</summary>
    public TaskCounts Counts
    {
        get
        {
            lock (_gate)
            {
                return new TaskCounts(_given, _done.Count + _twice, _twice, _mostOpen);
            }
        }
    }

    /// <summary>Starts one.</summary>
    public static async Task<ClockTasks> StartAsync()
    {
        var port = Ports.Free();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port));
        var tasks = new ClockTasks(builder.Build(), port);
        await tasks._app.StartAsync();
        return tasks;
    }

    /// <summary>From the end of the work to the arrival of the result, in stopwatch ticks, of all that came since it was asked last.</summary>
    public List<long> TakeLatencies()
    {
        lock (_gate)
        {
            List<long> all = [.. _latencies];
            _latencies.Clear();
            return all;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task GiveAsync(HttpContext http)
    {
        using var open = Open();
        var number = Interlocked.Increment(ref _given);
        await SayAsync(
            http,
            $$"""{"status":"success","data":{"taskId":"{{number}}","model":"{{Script.Slow}}","prompt":"What time is it?"} }"""
        );
    }

    private async Task TakeAsync(HttpContext http)
    {
        using var open = Open();
        using var body = await JsonDocument.ParseAsync(http.Request.Body, default, http.RequestAborted);
        var now = Stopwatch.GetTimestamp();
        var id = body.RootElement.GetProperty("taskId").GetString()!;
        var done = body.RootElement.GetProperty("result").GetString()!.Trim('~');
        lock (_gate)
        {
            _twice += _done.Add(id) ? 0 : 1;
            _latencies.Add(now - long.Parse(done, CultureInfo.InvariantCulture));
        }

        await SayAsync(http, """{"status":"success","message":"completed"}""");
    }

    private static Task SayAsync(HttpContext http, string json)
    {
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(json, http.RequestAborted);
    }

    private OpenRequest Open()
    {
        lock (_gate)
        {
            _mostOpen = Math.Max(_mostOpen, ++_open);
        }

        return new OpenRequest(this);
    }

    private readonly struct OpenRequest(ClockTasks tasks) : IDisposable
    {
        public void Dispose()
        {
            lock (tasks._gate)
            {
                tasks._open--;
            }
        }
    }
}
