using Pollard.Protocol.HostLink;

namespace Pollard.Tasks.Events;

/// <summary>What an event of a task's log says. The numbers are stored: never renumber.</summary>
public enum TaskEventType : byte
{
    /// <summary>Accepted.</summary>
    Submitted = 0,

    /// <summary>Given to a host; data: <see cref="LeasedData"/>.</summary>
    Leased = 1,

    /// <summary>Output, see <see cref="TaskEvent.Kind"/>.</summary>
    Delta = 2,

    /// <summary>How far it is; data: <see cref="Messages.Progress"/>.</summary>
    Phase = 3,

    /// <summary>Tokens; data in OpenAI's shape.</summary>
    Usage = 4,

    /// <summary>The attempt was lost, refused or failed; data: <see cref="LostData"/>. Output before it is void unless the task ends here.</summary>
    Lost = 5,

    /// <summary>Waits for a host again.</summary>
    Redispatched = 6,

    /// <summary>Ended with a result; data: <see cref="Messages.Finish"/>.</summary>
    Completed = 7,

    /// <summary>Ended with an error; data: <see cref="TaskError"/>.</summary>
    Failed = 8,

    /// <summary>Ended by time; data: <see cref="TaskError"/>.</summary>
    Timeout = 9,

    /// <summary>Ended by somebody's word; data: <see cref="CancelledData"/>.</summary>
    Cancelled = 10,

    /// <summary>Started over by hand after its end: a new generation.</summary>
    Retried = 11,

    /// <summary>A host gave an answer that is to be judged; data: <see cref="Messages.Finish"/> without its usage, which the event before tells.</summary>
    Answered = 12,

    /// <summary>An answer was judged; data: <see cref="Validation.Judgement"/>.</summary>
    Validation = 13,

    /// <summary>A person is to say what becomes of it; data: <see cref="Validation.InputNeededData"/>.</summary>
    InputNeeded = 14,

    /// <summary>A person said it; data: <see cref="Validation.TaskInput"/>.</summary>
    Input = 15,

    /// <summary>The attempt was lost or failed; data: <see cref="LostData"/>. Output before it stands: a host is to go on with it.</summary>
    Interrupted = 16,

    /// <summary>Given to a host that goes on where the answer was cut; data: <see cref="ContinuedData"/>.</summary>
    Continued = 17,
}

/// <summary>One numbered thing that happened to a task.</summary>
/// <param name="Seq">Its number in the task's log, from 0, without gaps.</param>
/// <param name="UnixMilliseconds">When, on the wall clock.</param>
/// <param name="Type">What happened.</param>
/// <param name="Kind">Of a delta: what its bytes are.</param>
/// <param name="Choice">Of a delta: which of several answers.</param>
/// <param name="Data">A delta's bytes as they came; of other events JSON, or nothing.</param>
public readonly record struct TaskEvent(
    int Seq,
    long UnixMilliseconds,
    TaskEventType Type,
    DeltaKind Kind,
    ushort Choice,
    ReadOnlyMemory<byte> Data
)
{
    /// <summary>True for the last event of a generation.</summary>
    public bool IsFinal => Type is >= TaskEventType.Completed and <= TaskEventType.Cancelled;
}
