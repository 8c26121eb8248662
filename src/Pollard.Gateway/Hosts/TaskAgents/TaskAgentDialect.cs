using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.TaskAgents;

/// <summary>Errors as clients of the small contract expect them.</summary>
internal sealed class TaskAgentDialect : Dialect
{
    /// <summary>The contract's paths.</summary>
    public static IReadOnlyList<string> Paths { get; } = ["/get-task", "/complete-task", "/return-task", "/stats"];

    /// <inheritdoc/>
    public override bool Speaks(PathString path) => Paths.Contains(path.Value, StringComparer.Ordinal);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, DoorError error)
    {
        json.WriteStartObject();
        json.WriteString("status"u8, "error"u8);
        json.WriteString("message"u8, error.Message);
        json.WriteEndObject();
    }
}
