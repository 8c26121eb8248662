using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers.Teleport;

/// <summary>
/// What a server changes in its agents' settings by <c>globalConfig</c>. That certificates are verified, and what is logged, is the
/// owner's alone: what it says of those is passed over.
/// </summary>
internal sealed record TeleportConfig
{
    private const int MostPerMinute = 60_000;

    /// <summary>Calls at the same time; null: it does not say.</summary>
    public int? PoolSize { get; init; }

    /// <summary>Large answers go to addresses that the server gives out, instead of to the server.</summary>
    public bool IsUploadDirect { get; init; }

    /// <summary>How often in a minute the server is asked for calls.</summary>
    public int AsksPerMinute { get; init; } = 250;

    /// <summary>These settings with what is said now; what makes no sense changes nothing.</summary>
    public TeleportConfig With(JsonElement said) =>
        new()
        {
            PoolSize =
                said.Member("threadPoolSize") is not null && said.Integer("poolSize") is >= 1 and var size
                    ? (int)Math.Min(size, LinkLimits.Slots)
                    : PoolSize,
            IsUploadDirect = said.Member("uploadToAC")?.ValueKind switch
            {
                JsonValueKind.False => true,
                JsonValueKind.True => false,
                _ => IsUploadDirect,
            },
            AsksPerMinute = said.Integer("rateLimitPerMin") is >= 1 and <= MostPerMinute and var rate
                ? (int)rate
                : AsksPerMinute,
        };
}
