using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Doors.Ollama;

/// <summary>Errors as Ollama's clients expect them.</summary>
internal sealed class OllamaDialect : Dialect
{
    /// <inheritdoc/>
    public override bool Speaks(PathString path) =>
        path == "/" || path.StartsWithSegments("/api", StringComparison.Ordinal);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, DoorError error) => WriteError(json, error);

    /// <summary>Writes the object, also as the last line of a broken stream.</summary>
    public static void WriteError(Utf8JsonWriter json, DoorError error)
    {
        json.WriteStartObject();
        json.WriteString("error"u8, error.Message);
        json.WriteEndObject();
    }
}
