using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;
using Pollard.Gateway.LongCalls;

namespace Pollard.Gateway.Doors.LlmTasks;

/// <summary>The body of a submission. What is wrong with its shape is a 422, as its clients know it.</summary>
/// <param name="Config">What is to be done.</param>
/// <param name="Polls">True when the client comes back for the answer.</param>
/// <param name="Timeout">How long it may take; null: as its class says.</param>
internal sealed record LlmTaskSubmission(JsonElement Config, bool Polls, TimeSpan? Timeout)
{
    private const int Unprocessable = StatusCodes.Status422UnprocessableEntity;

    /// <summary>Reads the body.</summary>
    /// <exception cref="RejectedException">It has another shape.</exception>
    public static LlmTaskSubmission Read(byte[] body)
    {
        var submission = Parse(body);
        var config = submission.TryGetProperty("llm_config", out var given) ? given : default;
        if (config.ValueKind == JsonValueKind.Undefined)
        {
            throw Wrong("missing", "Field required", "llm_config");
        }

        if (config.ValueKind != JsonValueKind.Object)
        {
            throw Wrong("model_attributes_type", "Input should be a valid dictionary or object", "llm_config");
        }

        Require(config, "model", JsonValueKind.String, "string_type", "Input should be a valid string");
        if (!config.TryGetProperty("question", out _))
        {
            Require(config, "messages", JsonValueKind.Array, "list_type", "Input should be a valid list");
        }

        return new LlmTaskSubmission(
            config,
            PollingOf(submission),
            LlmConfigReader.SecondsOf(submission, "", "timeout")
        );
    }

    private static JsonElement Parse(byte[] body)
    {
        try
        {
            return LongCallIntake.Parse(body);
        }
        catch (RejectedException e)
        {
            throw new RejectedException(
                new DoorError(Unprocessable, "json_invalid", $"JSON decode error: {e.Error.Message}")
            );
        }
    }

    private static bool PollingOf(JsonElement submission) =>
        !submission.TryGetProperty("polling_mode", out var polling)
        || polling.ValueKind switch
        {
            JsonValueKind.True or JsonValueKind.Null => true,
            JsonValueKind.False => false,
            _ => throw Wrong("bool_parsing", "Input should be a valid boolean", "polling_mode"),
        };

    private static void Require(JsonElement config, string name, JsonValueKind kind, string code, string message)
    {
        var member = $"llm_config.{name}";
        if (!config.TryGetProperty(name, out var value))
        {
            throw Wrong("missing", "Field required", member);
        }

        if (value.ValueKind != kind)
        {
            throw Wrong(code, message, member);
        }
    }

    private static RejectedException Wrong(string code, string message, string member) =>
        new(new DoorError(Unprocessable, code, message) { Parameter = member });
}
