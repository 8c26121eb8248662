namespace Pollard.Protocol.Api;

/// <summary>The answer of <c>GET /v1/hosts/{id}/audits</c>: how a host was audited, and what came of it.</summary>
public sealed record HostAudits
{
    /// <summary>The host's id.</summary>
    public required string Host { get; init; }

    /// <summary>When it was quarantined; absent when it is not.</summary>
    public DateTimeOffset? QuarantinedAt { get; init; }

    /// <summary>What stands against it, from 0 up; grows with audits that fail, shrinks with those that pass.</summary>
    public required double Score { get; init; }

    /// <summary>The score at which it is quarantined.</summary>
    public required double Threshold { get; init; }

    /// <summary>Canaries and re-runs that counted, since it was last released.</summary>
    public required long Audited { get; init; }

    /// <summary>Those of them that failed.</summary>
    public required long Failed { get; init; }

    /// <summary>Answers whose shape was wrong, whatever they said.</summary>
    public required long Misshapen { get; init; }

    /// <summary>The last 50 audits, the newest first; of shapes only those that were wrong.</summary>
    public required IReadOnlyList<AuditEvidence> Evidence { get; init; }
}

/// <summary>One audit of a host.</summary>
public sealed record AuditEvidence
{
    /// <summary>When its outcome was known.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary><c>canary</c>, <c>rerun</c> or <c>shape</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The model that was asked.</summary>
    public required string Model { get; init; }

    /// <summary>The task that was audited.</summary>
    public required string Task { get; init; }

    /// <summary>What a canary asked; absent for clients' work, whose text is not kept here.</summary>
    public string? Asked { get; init; }

    /// <summary>The beginning of what was answered to a canary; absent for clients' work.</summary>
    public string? Came { get; init; }

    /// <summary>True when nothing was wrong.</summary>
    public required bool Passed { get; init; }

    /// <summary>What was wrong, for people.</summary>
    public string? Why { get; init; }
}
