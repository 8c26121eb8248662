using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.LongCalls;

/// <summary>Errors as the two older servers say them, both made with FastAPI: a <c>detail</c>, which is a list where the request's shape is wrong.</summary>
internal sealed class DetailDialect : Dialect
{
    /// <inheritdoc/>
    public override bool Speaks(PathString path) =>
        path.StartsWithSegments("/v1/polling", StringComparison.Ordinal)
        || path.StartsWithSegments("/llm-tasks", StringComparison.Ordinal)
        || path.StartsWithSegments("/claude-proxy", StringComparison.Ordinal)
        || path.StartsWithSegments("/v1/tasks/submit", StringComparison.Ordinal)
        || (
            path.StartsWithSegments("/v1/tasks", StringComparison.Ordinal)
            && path.Value is { } text
            && (
                text.EndsWith("/status", StringComparison.Ordinal) || text.EndsWith("/cancel", StringComparison.Ordinal)
            )
        );

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, DoorError error)
    {
        json.WriteStartObject();
        if (error.Status == StatusCodes.Status422UnprocessableEntity)
        {
            WriteList(json, error);
        }
        else
        {
            json.WriteString("detail"u8, error.Message);
        }

        if (error.TaskId is { } task)
        {
            json.WriteString("task_id"u8, task);
        }

        json.WriteEndObject();
    }

    private static void WriteList(Utf8JsonWriter json, DoorError error)
    {
        json.WriteStartArray("detail"u8);
        json.WriteStartObject();
        json.WriteString("type"u8, error.Code);
        json.WriteStartArray("loc"u8);
        json.WriteStringValue("body"u8);
        foreach (var step in (error.Parameter ?? "").Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            json.WriteStringValue(step);
        }

        json.WriteEndArray();
        json.WriteString("msg"u8, error.Message);
        json.WriteEndObject();
        json.WriteEndArray();
    }
}
