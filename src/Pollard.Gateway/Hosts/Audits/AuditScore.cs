using System.Text.Json.Serialization;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>
/// What stands against a host, by a sequential test (CUSUM): each audit moves the sum by how much likelier its outcome is of a bad
/// host than of a good one, and never below zero, so that a host which turns bad late is found as soon as one which was bad ever.
/// Findings about the shape of answers are summed apart and weigh half. Prompts can cause them, so by themselves they are never
/// enough: whatever they sum up to, some audits of what was answered must have failed too.
/// </summary>
/// <param name="Content">The sum of canaries and re-runs.</param>
/// <param name="Shape">The sum of answers whose shape was looked at.</param>
internal readonly record struct AuditScore(double Content, double Shape)
{
    private const double FaultsOfGood = 0.02;
    private const double FaultsOfBad = 0.25;
    private const double ShapeWeight = 0.5;
    private const double DoubtedShare = 0.9; // Less than one, or the sum would have to meet the threshold exactly.
    private static readonly double OnFault = Math.Log(FaultsOfBad / FaultsOfGood);
    private static readonly double OnPass = Math.Log((1 - FaultsOfBad) / (1 - FaultsOfGood));

    /// <summary>From this sum on a host is quarantined: the odds for it being bad are then about ten thousand times what they were.</summary>
    public static double Threshold { get; } = Math.Log(1e4);

    /// <summary>The whole sum.</summary>
    [JsonIgnore]
    public double Total => Content + Shape;

    /// <summary>True when the host is to be quarantined.</summary>
    [JsonIgnore]
    public bool IsOver => Total >= Threshold;

    /// <summary>An audit of what it answered.</summary>
    public AuditScore WithContent(bool passed) => this with { Content = Math.Max(0, Content + Step(passed)) };

    /// <summary>A look at an answer's shape.</summary>
    public AuditScore WithShape(bool passed) =>
        this with
        {
            Shape = Math.Clamp(Shape + (ShapeWeight * Step(passed)), 0, Threshold / 2),
        };

    /// <summary>As if all but the last fault were known already.</summary>
    public AuditScore Doubted() => this with { Content = Math.Max(Content, Threshold - (DoubtedShare * OnFault)) };

    private static double Step(bool passed) => passed ? OnPass : OnFault;
}
