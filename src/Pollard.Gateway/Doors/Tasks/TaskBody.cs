using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary><c>GET /v1/tasks/{id}/body</c>: the body of a tool's answer as it came, also in parts.</summary>
internal sealed class TaskBody(TaskFinder finder)
{
    /// <summary>Answers with the body.</summary>
    public async Task ReadAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        var row = task.Row;
        if (row.Kind != HttpCall.Kind)
        {
            throw new RejectedException(
                new DoorError(
                    404,
                    "no_body",
                    $"task {task.PublicId} is no call of a tool; its result is at /v1/tasks/{task.PublicId}"
                )
            );
        }

        if (!row.IsFinal)
        {
            throw new RejectedException(
                new DoorError(
                    409,
                    "not_final",
                    $"task {task.PublicId} has not ended; wait at /v1/tasks/{task.PublicId}/wait"
                )
                {
                    TaskId = task.PublicId,
                    RetryAfter = TimeSpan.FromSeconds(2),
                }
            );
        }

        var result = JsonElement.Parse((await Work.ResultOfAsync(task, row, http.RequestAborted)).Span);
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = "sandbox";
        headers.XContentTypeOptions = "nosniff";
        headers[TaskHeaders.Task] = task.PublicId;
        await Open(task, result).ExecuteAsync(http);
    }

    private static IResult Open(TaskHandle task, JsonElement result)
    {
        var type = TypeOf(result);
        if (ToolAnswer.BodyOf(result) is { } inline)
        {
            return Results.Bytes(inline, type, enableRangeProcessing: true);
        }

        if (result.TryGetProperty("sha256"u8, out var checksum) && task.OpenBody() is { } file)
        {
            var tag = new EntityTagHeaderValue($"\"{checksum.GetString()}\"");
            return Results.Stream(file, type, entityTag: tag, enableRangeProcessing: true);
        }

        throw new RejectedException(
            new DoorError(
                410,
                "body_not_kept",
                $"the body of task {task.PublicId} went to who read along, and was not kept"
            )
        );
    }

    private static string TypeOf(JsonElement result)
    {
        if (result.TryGetProperty("headers"u8, out var headers))
        {
            foreach (var header in headers.EnumerateObject())
            {
                if (
                    header.Name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase)
                    && header.Value.ValueKind == JsonValueKind.String
                    && MediaTypeHeaderValue.TryParse(header.Value.GetString(), out var type)
                )
                {
                    return type.ToString();
                }
            }
        }

        return "application/octet-stream";
    }
}
