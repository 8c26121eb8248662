using Microsoft.AspNetCore.Http;

namespace Pollard.Gateway.Hosts;

/// <summary>What the host link must know of the gateway around it.</summary>
public sealed class HostLinkOptions
{
    /// <summary>The port that speaks HTTP/2 in clear text (carrier A without TLS); null: the address that was asked speaks it.</summary>
    public int? Http2Port { get; set; }

    /// <summary>Which share of community hosts' answers is audited, 0 to 1; 0: none.</summary>
    public double AuditShare { get; set; } = 0.02;

    /// <summary>Draws what is audited, and with what; of several threads at a time.</summary>
    public Random Random { get; set; } = Random.Shared;

    /// <summary>Says whether this request may enrol a host without a join token: on loopback, while no keys are required.</summary>
    public Func<HttpContext, bool> MayEnrolWithoutToken { get; set; } = _ => false;
}

/// <summary>Who is at the other end of a link, as far as the gateway has made sure of it.</summary>
/// <param name="HostId">The host's id.</param>
/// <param name="Name">What people call it, when its hello does not say.</param>
/// <param name="Carrier">What carries the link.</param>
public sealed record LinkPeer(string HostId, string Name, LinkCarrier Carrier)
{
    /// <summary>An agent in the same process, which needs no enrolment.</summary>
    public static LinkPeer Local(string id, string name) => new(id, name, LinkCarrier.Memory);
}

/// <summary>What carries a link.</summary>
public enum LinkCarrier
{
    /// <summary>Two pipes in one process.</summary>
    Memory,

    /// <summary>Carrier A: one HTTP/2 request whose both bodies stream.</summary>
    Http2,

    /// <summary>Carrier B: a WebSocket.</summary>
    WebSocket,

    /// <summary>Carrier C: long polls over HTTP/1.1.</summary>
    Turn,
}
