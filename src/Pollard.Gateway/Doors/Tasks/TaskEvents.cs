using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>A task's log as server-sent events, which resume at any number, or as pages.</summary>
internal sealed class TaskEvents(TaskFinder finder, GatewayOptions options, IHostApplicationLifetime lifetime)
{
    private const int PageEvents = 1_000;
    private const long PageBytes = 1024 * 1024;

    /// <summary><c>GET /v1/tasks/{id}/events</c>.</summary>
    public async Task ReadAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        var after = AfterOf(http.Request);
        string? accept = http.Request.Headers.Accept;
        if (accept is not null && accept.Contains("application/json", StringComparison.OrdinalIgnoreCase))
        {
            await WritePageAsync(http, task, after);
        }
        else
        {
            await WriteStreamAsync(http, task, after);
        }
    }

    private static async Task WritePageAsync(HttpContext http, TaskHandle task, int after)
    {
        List<TaskEvent> events = [];
        long bytes = 0;
        await foreach (var next in TaskLogs.ReadPresentAsync(task, after, http.RequestAborted))
        {
            events.Add(next);
            bytes += next.Data.Length;
            if (events.Count == PageEvents || bytes >= PageBytes)
            {
                break;
            }
        }

        var seen = events.Count > 0 ? events[^1].Seq : after;
        var final = task.Row.IsFinal && seen + 1 >= task.EventCount;
        await JsonReply.WriteAsync(
            http,
            (events, final, MayRead: http.GetCaller().MayRead(task.Row)),
            static (json, page) =>
            {
                json.WriteStartObject();
                json.WriteStartArray("events"u8);
                foreach (var item in page.events)
                {
                    EventWriter.Write(json, item, page.MayRead);
                }

                json.WriteEndArray();
                json.WriteBoolean("final"u8, page.final);
                json.WriteEndObject();
            }
        );
    }

    private async Task WriteStreamAsync(HttpContext http, TaskHandle task, int after)
    {
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-cache";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(
            http.RequestAborted,
            lifetime.ApplicationStopping
        );
        try
        {
            await FollowAsync(
                http.Response.BodyWriter,
                task.ReadEvents(after),
                http.GetCaller().MayRead(task.Row),
                ended.Token
            );
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            // The gateway stops: the client resumes at the next one, where it was.
        }
    }

    private async Task FollowAsync(PipeWriter output, TaskEventReader reader, bool mayRead, CancellationToken ct)
    {
        // hot: once a batch of events. One flush a batch, and none while one is pending.
        using var json = new Utf8JsonWriter((IBufferWriter<byte>)output, JsonReply.WriterOptions);
        await reader.WaitAsync(TimeSpan.Zero, ct); // Reads from the store before the status is sent: damage has its own.
        output.Write("retry: 1000\n\n"u8);
        while (true)
        {
            while (reader.TryRead(out var next))
            {
                WriteEvent(output, json, next, mayRead);
            }

            await output.FlushAsync(ct);
            switch (await reader.WaitAsync(options.KeepAlive, ct))
            {
                case EventWait.Ended:
                    return;
                case EventWait.TimedOut:
                    output.Write(": keep-alive\n\n"u8);
                    break;
                default:
                    break;
            }
        }
    }

    private static void WriteEvent(PipeWriter output, Utf8JsonWriter json, in TaskEvent next, bool mayRead)
    {
        output.Write("id: "u8);
        JsonText.WriteNumber(output, next.Seq);
        output.Write("\nevent: "u8);
        output.Write(EventWriter.NameOf(next.Type));
        output.Write("\ndata: "u8);
        EventWriter.Write(json, next, mayRead);
        json.Flush();
        json.Reset();
        output.Write("\n\n"u8);
    }

    /// <summary>The number after which to go on: the header that browsers send by themselves, else the parameter.</summary>
    public static int AfterOf(HttpRequest request)
    {
        string? header = request.Headers["Last-Event-ID"];
        var (name, text) = string.IsNullOrEmpty(header)
            ? ("after", (string?)request.Query["after"])
            : ("Last-Event-ID", header);
        if (string.IsNullOrEmpty(text))
        {
            return -1;
        }

        return
            int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var after)
            && after >= -1
            ? after
            : throw new RejectedException(DoorError.BadRequest($"\"{name}\" must be the number of an event", name));
    }
}
