namespace Pollard.Gateway.Answers;

/// <summary>Knows the hosts that have a model and are not connected; who puts the gateway together says whom to ask.</summary>
internal sealed class AbsentHosts
{
    /// <summary>The hosts that had a model when they were last here, the one seen last first; at most twenty.</summary>
    public Func<string, IReadOnlyList<AbsentHost>> With { get; set; } = static _ => [];
}

/// <summary>A host that is not connected.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="SeenAt">When it was last here; null: not known.</param>
internal sealed record AbsentHost(string Name, DateTimeOffset? SeenAt);
