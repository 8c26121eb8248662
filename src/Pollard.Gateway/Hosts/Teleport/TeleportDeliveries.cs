using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Pollard.Gateway.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>What agents bring: results with the body in them, beside them, or at an address that we gave out; and logs.</summary>
internal sealed partial class TeleportDeliveries(
    TeleportAgents agents,
    TeleportUploads uploads,
    TeleportDirectory directory,
    ILogger<TeleportDeliveries> logger
)
{
    /// <summary><c>POST put-result</c>.</summary>
    public async Task PutResultAsync(HttpContext http)
    {
        var place = agents.RequirePlace(http);
        if (await BodyReader.ReadAsync(http.Request, TeleportLimits.ResultBytes, http.RequestAborted) is not { } bytes)
        {
            throw new RejectedException(
                new DoorError(413, "body_too_large", $"a result has at most {TeleportLimits.ResultBytes} bytes here")
            );
        }

        using var said = LooseJson.Parse(bytes);
        var (result, host, work) = Find(place, said);
        if (result is not { StoredAt: { } address, Failure: null })
        {
            using var body = new MemoryStream(result.Output.ToArray());
            await DeliverAsync(http, host, work, result, body);
            return;
        }

        await using var file = uploads.Collect(place, address[(address.LastIndexOf('/') + 1)..]);
        if (file is not null)
        {
            await DeliverAsync(http, host, work, result, file.Read());
        }
        else if (host.IsAt(work))
        {
            host.Fail(work, FailOf("the agent put the answer where the gateway does not look", isRetryable: false));
            throw new RejectedException(
                DoorError.BadRequest(
                    "\"s3Url\" is no address that was given out by upload-url, or nothing is there",
                    "s3Url"
                )
            );
        }
        else
        {
            await SayAsync(http); // It brought that before.
        }
    }

    /// <summary><c>POST upload-result</c>.</summary>
    public async Task UploadResultAsync(HttpContext http)
    {
        var place = agents.RequirePlace(http);
        await using var parts = await TeleportParts.ReadAsync(http, uploads, TeleportLimits.UploadBytes);
        var (result, host, work) = Find(place, parts.Task);
        if (!host.IsAt(work))
        {
            await SayAsync(http); // It brought that before. What a client sends that tries again is empty.
            return;
        }

        if (
            result.Failure is null
            && await FaultOfAsync(parts, http.RequestAborted) is var (fault, status, isRetryable)
        )
        {
            // A client that tries again sends an empty file: at 400 it gives up at once, and the call is made anew.
            LogBadUpload(logger, work.Attempt.PublicTaskId, host.Profile.Name, fault);
            host.Fail(work, FailOf(fault, isRetryable));
            throw new RejectedException(new DoorError(status, "bad_upload", fault));
        }

        await using var body = result.Failure is not null ? Stream.Null : BodyOf(parts);
        await DeliverAsync(http, host, work, result, body);
    }

    /// <summary><c>GET upload-url</c>.</summary>
    public async Task GiveAddressAsync(HttpContext http)
    {
        var place = agents.RequirePlace(http);
        if (uploads.NewAddress(place) is not { } id)
        {
            var error = new DoorError(503, "too_many_uploads", "too many uploads are under way");
            throw TeleportDialect.Reject(http, error with { RetryAfter = MinuteCount.Minute });
        }

        var url = $"{http.Request.Scheme}://{http.Request.Host}{TeleportDialect.Prefix}/upload/{id}";
        await JsonReply.WriteAsync(
            http,
            url,
            static (json, url) =>
            {
                json.WriteStartObject();
                json.WriteStartObject("data"u8);
                json.WriteString("putUrl"u8, url);
                json.WriteString("getUrl"u8, url);
                json.WriteEndObject();
                json.WriteEndObject();
            }
        );
    }

    /// <summary><c>PUT upload/{id}</c>: what the address says is all that is needed.</summary>
    public async Task UploadAsync(HttpContext http)
    {
        await uploads.TakeAsync(http, (string)http.Request.RouteValues["id"]!);
        await SayAsync(http);
    }

    /// <summary><c>POST upload-logs</c>.</summary>
    public async Task UploadLogsAsync(HttpContext http)
    {
        agents.RequirePlace(http);
        await using var parts = await TeleportParts.ReadAsync(http, uploads, TeleportLimits.LogBytes);
        if (parts.File is not { Length: > 0 } file || !await IsZipAsync(file, http.RequestAborted))
        {
            throw new RejectedException(DoorError.BadRequest("the part \"file\" must be a zip of the log folder"));
        }

        var name = TeleportAgents.NameOf(http.Request);
        if (await directory.KeepLogsAsync(name, file, http.RequestAborted) is not { } path)
        {
            throw new RejectedException(
                new DoorError(403, "too_many_logs", $"logs of {TeleportLimits.LogNames} agents are kept, which is all")
            );
        }

        name = PlainText.Of(name, LooseJson.WordCharacters);
        LogLogs(logger, name, path);
        await SayAsync(http);
    }

    private static async Task DeliverAsync(
        HttpContext http,
        PolledHost host,
        PolledWork work,
        TeleportResult result,
        Stream body
    )
    {
        if (!host.Bring(work))
        {
            await SayAsync(http); // A second one at the same time.
            return;
        }

        await TeleportAnswer.WriteAsync(host, work, result, body);
        switch (await work.KeptAsync())
        {
            case Delivery.Over:
                throw NotFound(work.Id);
            case Delivery.Late:
                throw new RejectedException(
                    new DoorError(503, "store_slow", "the result is not on disk yet; bring it again")
                );
            default:
                await SayAsync(http);
                break;
        }
    }

    private (TeleportResult Result, PolledHost Host, PolledWork Work) Find(string place, JsonDocument? said)
    {
        if (said is null || TeleportResult.Read(said.RootElement) is not { } result)
        {
            throw new RejectedException(DoorError.BadRequest("a result is a JSON object with \"taskId\"", "taskId"));
        }

        var (host, work) = agents.Find(place, result.TaskId) ?? throw NotFound(result.TaskId);
        return (result, host, work);
    }

    private static async Task<(string Fault, int Status, bool IsRetryable)?> FaultOfAsync(
        TeleportParts parts,
        CancellationToken ct
    ) =>
        parts.File is not { Length: > 0 } file ? ("the uploaded file is empty", 400, true)
        : parts.IsPlain ? null
        : await PackedBody.CheckAsync(file, ct) switch
        {
            PackedFault.Broken => ("the uploaded file is no gzip, or not all of one", 400, true),
            PackedFault.TooLarge => ("the uploaded file unpacks to more than the gateway takes", 413, false),
            _ => null,
        };

    private static Stream BodyOf(TeleportParts parts) =>
        parts.IsPlain ? parts.File!.Read() : PackedBody.Unpack(parts.File!);

    private static async Task<bool> IsZipAsync(TeleportFile file, CancellationToken ct)
    {
        var start = new byte[4];
        var read = await file.Read().ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, ct);
        return start.AsSpan(0, read) is [(byte)'P', (byte)'K', 3 or 5, 4 or 6];
    }

    private static Messages.Fail FailOf(string message, bool isRetryable) =>
        new()
        {
            Code = isRetryable ? "agent_error" : "response_too_large",
            Message = message,
            Retryable = isRetryable,
        };

    private static RejectedException NotFound(string taskId) =>
        new(
            new DoorError(
                404,
                "task_not_found",
                $"this agent has no task \"{DoorError.Quote(taskId)}\", or has it no more: its time was over, or nobody wants it"
            )
        );

    private static Task SayAsync(HttpContext http) => JsonReply.WriteAsync(http, "{\"success\":true}"u8.ToArray());

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Agent {Agent} uploaded no good answer for {TaskId}: {Fault}. The task is tried again"
    )]
    private static partial void LogBadUpload(ILogger logger, string taskId, string agent, string fault);

    [LoggerMessage(Level = LogLevel.Information, Message = "Agent {Agent} sent its logs; they are in {Path}")]
    private static partial void LogLogs(ILogger logger, string agent, string path);
}
