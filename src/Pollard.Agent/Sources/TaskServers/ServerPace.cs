using System.Diagnostics;
using Pollard.Agent.Retry;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>How long to leave a server alone after each of its troubles. One for each loop that asks it.</summary>
internal sealed class ServerPace(TimeProvider time, Random random)
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10); // However long a server asks for.

    private readonly RetryRun _away = Growing(seconds: 5, most: 60).Start(time, random);
    private readonly RetryRun _odd = Growing(seconds: 2, most: 60).Start(time, random);
    private readonly RetryRun _refused = Growing(seconds: 30, most: 600).Start(time, random);

    /// <summary>The server did what it was asked.</summary>
    public void Good()
    {
        _away.Succeeded();
        _odd.Succeeded();
        _refused.Succeeded();
    }

    /// <summary>How long to wait before it is asked again.</summary>
    public TimeSpan After(ServerTrouble trouble)
    {
        var run = trouble.Kind switch
        {
            TroubleKind.Away => _away,
            TroubleKind.Refused => _refused,
            _ => _odd,
        };
        var wait = run.Next(trouble.RetryAfter) ?? throw new UnreachableException("A server is tried for ever.");
        return wait < Longest ? wait : Longest;
    }

    // A quarter of each wait is drawn: agents of a server that comes back do not come all at once.
    private static RetryPolicy Growing(double seconds, double most) =>
        new()
        {
            MaxTries = null,
            Budget = null,
            FirstDelay = TimeSpan.FromSeconds(seconds),
            MaxDelay = TimeSpan.FromSeconds(most),
            Jitter = 0.25,
        };
}
