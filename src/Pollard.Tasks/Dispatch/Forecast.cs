using Pollard.Tasks.Leases;

namespace Pollard.Tasks.Dispatch;

/// <summary>What was foreseen when an attempt was given to its host.</summary>
/// <param name="Rate">The host's own figures, which the attempt's are added to.</param>
/// <param name="Pool">Those of all hosts with this model.</param>
/// <param name="RequestBytes">What the host has to read: the request less what it has read before.</param>
/// <param name="Crowding">How much slower it is for what it runs besides.</param>
/// <param name="Loads">It has to load the model first.</param>
/// <param name="Hosts">Hosts that can do such work, 1 at the least.</param>
internal readonly record struct Forecast(
    HostRate Rate,
    WorkRate Pool,
    double RequestBytes,
    double Crowding,
    bool Loads,
    int Hosts
)
{
    private const double NobodyKnowsSeconds = 1;

    /// <summary>What the owner was charged for it, see <see cref="OwnerShare"/>.</summary>
    public double Charged { get; init; }

    /// <summary>The figures to expect: the host's, or the pool's where it has none.</summary>
    public WorkRate Usual => Rate.Work.IsKnown ? Rate.Work : Pool;

    /// <summary>How long the whole will probably take, with the loading of the model; null when nothing is known of such work.</summary>
    public double? Seconds =>
        Usual is { IsKnown: true } usual
            ? (usual.Seconds(RequestBytes, Pool.Tokens) * Crowding)
                + (Loads ? usual.LoadSeconds ?? Pool.LoadSeconds ?? 0 : 0)
            : null;

    /// <summary>What it costs its owner with so long an answer; with one of the usual length when that is not known yet. The same on every host: nobody pays for a slow one.</summary>
    public double Cost(double? tokens) =>
        (Pool.IsKnown ? Pool.Seconds(RequestBytes, tokens ?? Pool.Tokens) : NobodyKnowsSeconds) / Hosts;
}
