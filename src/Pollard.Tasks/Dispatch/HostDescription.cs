using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Tasks.Dispatch;

/// <summary>A host as it describes itself when it connects.</summary>
public sealed record HostDescription
{
    /// <summary>The id that enrolment gave.</summary>
    public required string Id { get; init; }

    /// <summary>What people call it.</summary>
    public required string Name { get; init; }

    /// <summary>Attempts it runs at the most.</summary>
    public required int Slots { get; init; }

    /// <summary>What it can run. The name <c>*</c> stands for any model.</summary>
    public required IReadOnlyList<ModelInfo> Models { get; init; }

    /// <summary>Ordinary work, or standing in.</summary>
    public HostRole Role { get; init; }

    /// <summary>How far it is trusted.</summary>
    public TrustTier Tier { get; init; } = TrustTier.Own;

    /// <summary>Whose it is: tasks of the owner with this name go before others here, and here before elsewhere. Null: nobody's in particular.</summary>
    public string? Owner { get; init; }

    /// <summary>By what it is here, for people; null: a program of another contract.</summary>
    public string? Carrier { get; init; }

    /// <summary>Words that a task may require.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Why it takes no work at this moment; absent: it does.</summary>
    public HostRest? Rest { get; init; }

    /// <summary>How long an offer to it stands; absent: <see cref="TaskEngineOptions.AcceptWithin"/>.</summary>
    public TimeSpan? AcceptWithin { get; init; }

    /// <summary>For a host that brings its answer in one piece: how long that may take. Absent: it brings it token by token.</summary>
    public TimeSpan? AnswerWithin { get; init; }

    /// <summary>False for a host that does not pass on how its model is to answer, such as the temperature: it says something else each time.</summary>
    public bool PassesOptions { get; init; } = true;

    /// <summary>How long it may be silent before its link counts as lost, while it has work; see also <see cref="DispatchHost.SetIdleSilence"/>.</summary>
    public required TimeSpan Silence { get; init; }
}

/// <summary>A host takes no work of its owner's accord; it finishes what it has.</summary>
/// <param name="Code">A stable word: <c>paused</c>, <c>schedule</c>.</param>
/// <param name="Reason">The same for people.</param>
/// <param name="Until">When it will take work again; null: nobody knows.</param>
public sealed record HostRest(string Code, string Reason, DateTimeOffset? Until);

/// <summary>What the pool can do for a piece of work.</summary>
public enum Serving : byte
{
    /// <summary>No connected host can run it.</summary>
    None = 0,

    /// <summary>Only a fallback can.</summary>
    Fallback = 1,

    /// <summary>A worker can.</summary>
    Worker = 2,

    /// <summary>Only a host that is being drained can, once it is resumed, or one that rests: the work waits.</summary>
    Drained = 3,
}

/// <summary>A connected host, for lists; <c>Draining</c> also while it rests.</summary>
public sealed record HostSnapshot(
    HostDescription Description,
    int Running,
    bool Draining,
    DateTimeOffset ConnectedAt,
    DateTimeOffset SeenAt,
    IReadOnlyList<MeasuredRate> Rates
);

/// <summary>A whole answer, as a host brought it.</summary>
/// <param name="HostId">The host.</param>
/// <param name="Row">The task, as it was when the answer came.</param>
/// <param name="Output">The answer's deltas, in order.</param>
/// <param name="Finish">What the host said at the end.</param>
/// <param name="Took">How long the host had the task.</param>
public sealed record HostAnswer(
    string HostId,
    TaskRow Row,
    IReadOnlyList<TaskEvent> Output,
    Messages.Finish Finish,
    TimeSpan Took
);
