using Pollard.Protocol.Api;

namespace Pollard.Gateway.Answers;

/// <summary>
/// Requests with tools go to hosts that are trusted: whoever answers decides what the client's tools are called with. The client
/// that says itself which hosts will do has thought of it.
/// </summary>
internal static class ToolTrust
{
    private static readonly TaskRequirements Trusted = new() { Tier = TrustTier.Trusted };

    /// <summary>What a host must have for a request.</summary>
    /// <param name="given">What the client says; null when it says nothing.</param>
    /// <param name="hasTools">True for a request with tools.</param>
    /// <param name="options">The gateway's.</param>
    public static TaskRequirements? Require(TaskRequirements? given, bool hasTools, GatewayOptions options) =>
        !hasTools || options.CommunityTools || given?.Tier is not null ? given
        : given is null ? Trusted
        : given with { Tier = TrustTier.Trusted };
}
