using System.Text.Json.Serialization;

namespace Pollard.Protocol.Api;

/// <summary>How far the owner of a gateway trusts a host, the least first. It comes with the join token.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TrustTier>))]
public enum TrustTier : byte
{
    /// <summary>A volunteer's machine: anybody may be behind it.</summary>
    [JsonStringEnumMemberName("community")]
    Community = 0,

    /// <summary>The machine of somebody who is known.</summary>
    [JsonStringEnumMemberName("trusted")]
    Trusted = 1,

    /// <summary>A machine of the gateway's own owner.</summary>
    [JsonStringEnumMemberName("own")]
    Own = 2,
}
