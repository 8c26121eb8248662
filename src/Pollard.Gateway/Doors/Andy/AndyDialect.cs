using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Doors.Andy;

/// <summary>Errors as clients of the Andy API expect them: OpenAI's shape, and words in the text that bots look for.</summary>
internal sealed class AndyDialect : Dialect
{
    // Below /api that are Ollama's paths too, and these are none of its.
    private static readonly string[] Own =
    [
        "/api/andy",
        "/api/v1",
        "/api/models",
        "/api/admin",
        "/api/pool_status",
        "/api/join_pool",
        "/api/ping_pool",
        "/api/leave_pool",
        "/api/check_for_work",
        "/api/poll_for_work",
        "/api/submit_work_result",
    ];

    /// <inheritdoc/>
    public override bool Speaks(PathString path) =>
        Own.Any(own => path.StartsWithSegments(own, StringComparison.Ordinal));

    /// <inheritdoc/>
    public override DoorError Adapt(DoorError error) =>
        error switch
        {
            { Code: "model_not_found" or "queued_too_long" } => error with
            {
                Status = StatusCodes.Status503ServiceUnavailable,
                Message = $"No available hosts: {error.Message}",
            },
            { Status: StatusCodes.Status429TooManyRequests } => error with { Message = $"rate limit: {error.Message}" },
            _ => error,
        };

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, DoorError error) => OpenAIErrors.Write(json, error);
}
