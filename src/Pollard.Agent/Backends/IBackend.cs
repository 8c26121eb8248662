using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends;

/// <summary>What an agent runs work on: a model server, a tool, a program. One instance serves many attempts at the same time.</summary>
public interface IBackend
{
    /// <summary>Its name for people, with the address: <c>ollama http://127.0.0.1:11434</c>.</summary>
    string Name { get; }

    /// <summary>What it can run now. An unreachable backend answers with an empty list and says why in the log, once.</summary>
    Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken);

    /// <summary>Raised when it has found out something about what it can run that it did not know when it was asked: ask again.</summary>
    event Action? Learned
    {
        add { } // Most say all that they know when they are asked.
        remove { }
    }

    /// <summary>
    /// Runs one attempt and writes its output as it comes. Failure is an answer, not an exception; only a cancelled token
    /// throws <see cref="OperationCanceledException"/>, after the backend's connection is closed.
    /// </summary>
    Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken);
}

/// <summary>One attempt at a task, as the agent got it.</summary>
/// <param name="Offer">What the gateway said of it.</param>
/// <param name="Request">The client's request as it came; for <c>chat</c> an OpenAI chat body, whose <c>model</c> is to be replaced by the offer's.</param>
public sealed record WorkItem(Messages.Offer Offer, ReadOnlyMemory<byte> Request)
{
    /// <summary>The kind of work whose request is a whole task of a task server, in that server's own words.</summary>
    public const string WholeTask = "task";
}

/// <summary>Where a backend's output goes.</summary>
public interface IWorkOutput
{
    /// <summary>Hands on output; waits when the gateway has not granted enough credit. The bytes are copied before this returns.</summary>
    /// <param name="kind">What the bytes are.</param>
    /// <param name="choice">Which of several answers.</param>
    /// <param name="data">The bytes.</param>
    /// <param name="cancellationToken">The attempt's.</param>
    ValueTask WriteAsync(DeltaKind kind, ushort choice, ReadOnlyMemory<byte> data, CancellationToken cancellationToken);
}

/// <summary>How an attempt ended: exactly one of the two is set.</summary>
/// <param name="Finish">The good end.</param>
/// <param name="Failure">The bad end.</param>
public sealed record WorkResult(Messages.Finish? Finish, Messages.Fail? Failure)
{
    /// <summary>The good end.</summary>
    public static WorkResult Finished(Messages.Finish finish) => new(finish, null);

    /// <summary>The bad end.</summary>
    public static WorkResult Failed(Messages.Fail failure) => new(null, failure);
}
