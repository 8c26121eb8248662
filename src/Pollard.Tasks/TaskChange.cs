using Pollard.Tasks.Validation;

namespace Pollard.Tasks;

/// <summary>What happened to a task: the inputs of <see cref="TaskMachine"/>. A fence names the try that it is about.</summary>
internal abstract record TaskChange
{
    /// <summary>A host is given the task.</summary>
    internal sealed record Claimed(long Fence, string Host) : TaskChange;

    /// <summary>A host of before the restart still runs it, though the claim was not on disk.</summary>
    internal sealed record Adopted(long Fence, string Host) : TaskChange;

    /// <summary>The host brought the result; <paramref name="Finish"/> is what it said at the end, JSON.</summary>
    internal sealed record Completed(long Fence, string? Usage, ReadOnlyMemory<byte> Finish) : TaskChange;

    /// <summary>The host brought an answer that is to be judged; <paramref name="Usage"/> is what it cost, JSON.</summary>
    internal sealed record Answered(long Fence, long NextFence, string? Usage, ReadOnlyMemory<byte> Finish)
        : TaskChange;

    /// <summary>The answer passed.</summary>
    internal sealed record Passed(long Fence, ReadOnlyMemory<byte> Finish, Judgement Judgement) : TaskChange;

    /// <summary>The answer did not pass; another one may be asked for after <paramref name="RetryIn"/>.</summary>
    internal sealed record Rejected(long Fence, long NextFence, Judgement Judgement, TimeSpan RetryIn) : TaskChange;

    /// <summary>The answer could not be judged.</summary>
    internal sealed record NotJudged(long Fence, long NextFence, TaskError Error) : TaskChange;

    /// <summary>A person said what becomes of a task that needed input; <paramref name="Finish"/> goes with an answer that is taken after all.</summary>
    internal sealed record InputGiven(long NextFence, TaskInput Input, ReadOnlyMemory<byte> Finish) : TaskChange;

    /// <summary>Its model keeps failing, and the task asked to be spared that.</summary>
    internal sealed record Spared(TaskError Error) : TaskChange;

    /// <summary>The host says that it failed; <paramref name="RetryIn"/> is how long to wait where another try is allowed.</summary>
    internal sealed record Failed(long Fence, long NextFence, TaskError Error, TimeSpan RetryIn) : TaskChange;

    /// <summary>The host is gone or stands still. <paramref name="OutputShown"/>: a client has seen some of its output.</summary>
    internal sealed record Lost(long Fence, long NextFence, TaskError Error, bool OutputShown) : TaskChange;

    /// <summary>
    /// The host is gone, stands still or has failed, and another one is to go on with what it has written.
    /// <paramref name="RetryIn"/> is how long to wait before; <paramref name="GotOn"/>: the try has added to the answer.
    /// </summary>
    internal sealed record Interrupted(long Fence, long NextFence, TaskError Error, TimeSpan RetryIn, bool GotOn)
        : TaskChange;

    /// <summary>A second host that was asked beside the first has the task from here on.</summary>
    internal sealed record Overtaken(long Fence, long NextFence, string Host) : TaskChange;

    /// <summary>No host goes on with the answer that was cut.</summary>
    internal sealed record NotContinued(long NextFence, TaskError Error) : TaskChange;

    /// <summary>The host gives it back unbegun; the try does not count. <paramref name="GoesOn"/>: it was to go on with an answer that was cut.</summary>
    internal sealed record Released(long Fence, long NextFence, TaskError Why, bool GoesOn = false) : TaskChange;

    /// <summary>The run took too long.</summary>
    internal sealed record RunTimedOut(long Fence, long NextFence) : TaskChange;

    /// <summary>It waited too long to be started.</summary>
    internal sealed record QueueTimedOut : TaskChange;

    /// <summary>Somebody said so.</summary>
    internal sealed record Cancelled(long NextFence, string Reason) : TaskChange;

    /// <summary>Somebody starts it over after its end.</summary>
    internal sealed record Retried(long NextFence, TimeSpan? QueueTimeout) : TaskChange;

    /// <summary>More tries than were planned: the hosts are used up and a fallback is there.</summary>
    internal sealed record Extended(int Tries) : TaskChange;
}

/// <summary>What the machine says of a change.</summary>
internal enum TransitionOutcome
{
    /// <summary>The row is to be as given.</summary>
    Applied,

    /// <summary>The task has ended; nothing changes any more.</summary>
    Final,

    /// <summary>The fence is not the task's: somebody else has it.</summary>
    StaleFence,

    /// <summary>This does not happen in this state.</summary>
    NotAllowed,
}

/// <summary>The answer of <see cref="TaskMachine"/>; the row is the old one unless it was applied.</summary>
internal readonly record struct Transition(TaskRow Row, TransitionOutcome Outcome)
{
    public bool Applied => Outcome == TransitionOutcome.Applied;
}
