using Microsoft.AspNetCore.Builder;

namespace Pollard.Gateway.Http;

/// <summary>Marks an endpoint that a viewer's key may call: it changes nothing, and tells a viewer nothing of what tasks say.</summary>
internal sealed class OpenToViewers
{
    /// <summary>The mark.</summary>
    public static readonly OpenToViewers Mark = new();
}

/// <summary>Marks endpoints.</summary>
internal static class OpenToViewersExtensions
{
    /// <summary>Viewers may call it.</summary>
    public static TBuilder ForViewers<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(OpenToViewers.Mark);
}
