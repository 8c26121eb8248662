namespace Pollard.Agent.Sources;

/// <summary>Whom an agent asks for work: it connects, hands what it gets to the pipeline, and delivers what comes of it.</summary>
internal interface IWorkSource : IDisposable
{
    /// <summary>True from the moment in which it asks for no more work.</summary>
    bool IsDraining { get; }

    /// <summary>Fetches work until <paramref name="ct"/> ends it or the other end wants this machine no more.</summary>
    Task<AgentExit> RunAsync(CancellationToken ct);

    /// <summary>Asks for no more work, and waits until what is done is delivered.</summary>
    Task DrainAsync(TimeSpan within);
}
