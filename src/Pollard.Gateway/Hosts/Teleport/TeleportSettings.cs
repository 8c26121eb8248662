using System.Text.Json;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>What the owner changes in the agents' settings; they take it from the first call that they get.</summary>
/// <param name="VerifyCertificates">Whether they verify certificates of tools, which they do not by themselves.</param>
/// <param name="PoolSize">How many calls each makes at the same time.</param>
/// <param name="RequestsPerMinute">How often each asks for work.</param>
internal sealed record TeleportSettings(bool? VerifyCertificates, int? PoolSize, int? RequestsPerMinute)
{
    /// <summary>What the options say; null: nothing.</summary>
    public static TeleportSettings? Of(GatewayOptions options) =>
        options is { TeleportVerify: null, TeleportPoolSize: null, TeleportRequestsPerMinute: null }
            ? null
            : new TeleportSettings(options.TeleportVerify, options.TeleportPoolSize, options.TeleportRequestsPerMinute);

    /// <summary>Writes it as a member of a call.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("globalConfig"u8);
        if (VerifyCertificates is { } verify)
        {
            json.WriteBoolean("verifyCert"u8, verify);
        }

        if (PoolSize is { } poolSize)
        {
            json.WriteNumber("threadPoolSize"u8, poolSize); // The agent looks whether it is there, and takes the other.
            json.WriteNumber("poolSize"u8, poolSize);
        }

        if (RequestsPerMinute is { } perMinute)
        {
            json.WriteNumber("rateLimitPerMin"u8, perMinute);
        }

        json.WriteEndObject();
    }
}
