using Pollard.Agent.Backends;

namespace Pollard.Agent.Pipeline;

/// <summary>One attempt as its source offers it: the pipeline takes or refuses it, runs it, and hands back how it ended.</summary>
internal interface IOfferedWork : IWorkOutput
{
    /// <summary>What is to be done.</summary>
    WorkItem Work { get; }

    /// <summary>Set when the attempt is no longer wanted; nothing of it will be delivered.</summary>
    CancellationToken Stopping { get; }

    /// <summary>It is taken.</summary>
    void Accept();

    /// <summary>It is not taken, and why.</summary>
    void Refuse(string code, string reason);

    /// <summary>The backend has stopped. Null: because it was told to.</summary>
    void End(WorkResult? result);
}
