using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Doors.OpenAI;

/// <summary>Errors as OpenAI's clients expect them.</summary>
internal sealed class OpenAIDialect : Dialect
{
    /// <inheritdoc/>
    public override bool Speaks(PathString path) =>
        path.StartsWithSegments("/v1/chat", StringComparison.Ordinal)
        || path.StartsWithSegments("/v1/completions", StringComparison.Ordinal)
        || path.StartsWithSegments("/v1/embeddings", StringComparison.Ordinal)
        || path.StartsWithSegments("/v1/models", StringComparison.Ordinal);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, DoorError error) => WriteError(json, error);

    /// <summary>Writes the object, also as the last event of a broken stream.</summary>
    public static void WriteError(Utf8JsonWriter json, DoorError error)
    {
        json.WriteStartObject();
        json.WriteStartObject("error"u8);
        json.WriteString("message"u8, error.Message);
        json.WriteString("type"u8, TypeOf(error.Status));
        json.WriteString("param"u8, error.Parameter);
        json.WriteString("code"u8, error.Code);
        if (error.TaskId is { } task)
        {
            json.WriteString("task"u8, task);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string TypeOf(int status) =>
        status switch
        {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            >= 400 and < 500 => "invalid_request_error",
            _ => "server_error",
        };
}
