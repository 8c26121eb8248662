using Pollard.Agent.Owner;

namespace Pollard.Agent.Sources;

/// <summary>Whom an agent asks for work: it connects, hands what it gets to the pipeline, and delivers what comes of it.</summary>
internal interface IWorkSource : IDisposable
{
    /// <summary>True from the moment in which it asks for no more work.</summary>
    bool IsDraining { get; }

    /// <summary>What passes its queues; null: it has none.</summary>
    AgentTasks? Tasks => null;

    /// <summary>The owner wants another number of slots. False: it has told the number to somebody, and keeps to it.</summary>
    bool TryResize(int slots) => false;

    /// <summary>Fetches work until <paramref name="ct"/> ends it or the other end wants this machine no more.</summary>
    Task<AgentExit> RunAsync(CancellationToken ct);

    /// <summary>Asks for no more work, and waits until what is done is delivered.</summary>
    Task DrainAsync(TimeSpan within);
}
