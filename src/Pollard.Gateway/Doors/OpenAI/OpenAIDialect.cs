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
    public override void Write(Utf8JsonWriter json, DoorError error) => OpenAIErrors.Write(json, error);
}
