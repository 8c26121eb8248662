using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>Gathers what a run writes until it is a result, in the words of the task's server. Disposed, it holds nothing open.</summary>
internal interface ITaskOutput : IDisposable
{
    /// <summary>Takes a piece. Not null: the run cannot become a result, and why.</summary>
    Messages.Fail? Write(DeltaKind kind, ushort choice, ReadOnlySpan<byte> data);

    /// <summary>The run has ended well.</summary>
    TaskOutcome Finish(Messages.Finish finish);

    /// <summary>There is no result but this error.</summary>
    TaskOutcome Fail(Messages.Fail failure);
}

/// <summary>What came of a task.</summary>
/// <param name="Result">What the server is told.</param>
/// <param name="IsFailure">True for an error.</param>
internal sealed record TaskOutcome(TaskResult Result, bool IsFailure);
