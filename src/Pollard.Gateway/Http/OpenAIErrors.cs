using System.Text.Json;

namespace Pollard.Gateway.Http;

/// <summary>An error in OpenAI's shape, which clients of other dialects expect as well.</summary>
internal static class OpenAIErrors
{
    /// <summary>Writes the object, also as the last event of a broken stream.</summary>
    public static void Write(Utf8JsonWriter json, DoorError error)
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
