using Pollard.Gateway.Http;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Answers;

/// <summary>
/// Refuses at once what no host that is known could ever do, and says what would make it possible. A model that no host has is not
/// its matter: each door says itself whether that waits.
/// </summary>
internal sealed class Feasibility(TaskEngine engine, GatewayOptions options, TimeProvider time)
{
    private readonly long _started = time.GetTimestamp();

    /// <summary>Says of a model that a host had it which is not connected and may come back.</summary>
    public Func<string, bool> IsAbsent { get; set; } = static _ => false;

    /// <summary>Why such work can never be done here; null when it can, or when that is not known for sure.</summary>
    public DoorError? Refusal(string kind, string model, TaskRequirements? requires, DateTimeOffset? runAt = null)
    {
        if (
            requires is null
            || runAt > time.GetUtcNow() // Who knows which hosts there will be then?
            || time.GetElapsedTime(_started) < options.StartGrace // Hosts are on their way back.
            || engine.Hosts.FindObstacle(kind, model, requires) is not { } obstacle
            || IsAbsent(model)
        )
        {
            return null;
        }

        var code = obstacle.Requirement == "context" ? "context_length_exceeded" : "impossible";
        return DoorError.BadRequest(
            obstacle.Message,
            obstacle.Requirement == "requires" ? "requires" : $"requires.{obstacle.Requirement}",
            code
        ) with
        {
            ShouldRetry = false,
        };
    }

    /// <summary>Does nothing when such work can be done, or when that is not known for sure.</summary>
    /// <exception cref="RejectedException">It can never be done here; says why.</exception>
    public void Require(string kind, string model, TaskRequirements? requires)
    {
        if (Refusal(kind, model, requires) is { } refusal)
        {
            throw new RejectedException(refusal with { Parameter = null }); // The client did not write it so.
        }
    }
}
