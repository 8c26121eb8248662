namespace Pollard.Tasks;

/// <summary>Where a task is. The numbers are stored: never renumber.</summary>
public enum TaskState : byte
{
    /// <summary>Accepted, and waits for a host.</summary>
    Pending = 0,

    /// <summary>A host has it.</summary>
    Running = 1,

    /// <summary>Ended with a result.</summary>
    Completed = 2,

    /// <summary>Ended with an error.</summary>
    Failed = 3,

    /// <summary>Ended because it waited or ran too long.</summary>
    Timeout = 4,

    /// <summary>Ended because somebody said so.</summary>
    Cancelled = 5,
}

/// <summary>Where a task is within its state. The numbers are stored: never renumber.</summary>
public enum TaskStage : byte
{
    /// <summary>Nothing of the kind: it waits for a host, or one has it, or it has ended.</summary>
    None = 0,

    /// <summary>Running: the host has answered, and the answer is being judged.</summary>
    Validating = 1,

    /// <summary>Pending: a person is to say what becomes of it.</summary>
    InputNeeded = 2,

    /// <summary>Pending: its answer was cut, and a host is to go on with it.</summary>
    Interrupted = 3,
}

/// <summary>When a task is on disk.</summary>
public enum Durability : byte
{
    /// <summary>Before it is acknowledged, and each change before it is shown.</summary>
    Full = 0,

    /// <summary>When it has ended, behind the answer. A crash of the gateway before that forgets it.</summary>
    Relaxed = 1,
}

/// <summary>How another host may go on with an answer that was cut. The numbers are stored: never renumber.</summary>
[Flags]
public enum Continuations
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>It is given the text so far as the beginning of its own answer.</summary>
    Prefill = 1,

    /// <summary>It answers anew, which gives the same text again: what was shown already is compared and left out.</summary>
    Replay = 2,
}

/// <summary>What happens to output already shown when its host is lost and no other can go on with it.</summary>
public enum LostOutput : byte
{
    /// <summary>The task starts again on another host; readers of the log see that it does.</summary>
    Restart = 0,

    /// <summary>The task fails: its client has seen text that another host would not continue.</summary>
    Fail = 1,
}
