using System.Buffers;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Tasks.Dispatch;

/// <summary>The hosts that are connected, and what they can run.</summary>
public sealed class HostPool
{
    internal HostPool() { }

    /// <summary>Raised after hosts came, went, or changed what they can run. Never blocks the caller.</summary>
    public event Action? Changed
    {
        add => throw new NotSupportedException();
        remove => throw new NotSupportedException();
    }

    /// <summary>The connected hosts.</summary>
    public IReadOnlyList<HostSnapshot> List() => throw new NotSupportedException();

    /// <summary>Every model that a connected host has, each once, by name; workers' before fallbacks'.</summary>
    public IReadOnlyList<ModelInfo> Models() => throw new NotSupportedException();

    /// <summary>Who could run such work, busy or not.</summary>
    public Serving CanServe(string kind, string model, TaskRequirements? requires = null) =>
        throw new NotSupportedException();

    /// <summary>A host comes; an older connection of the same host is closed as <c>replaced</c>. Its attempts stay resumable.</summary>
    public DispatchHost Connect(HostDescription description, IHostSink sink) =>
        throw new NotSupportedException();

    /// <summary>Stops offering work to a host, or starts again. False when it is not connected.</summary>
    public bool SetDraining(string hostId, bool draining) => throw new NotSupportedException();

    /// <summary>Closes a host's connection with this code (<c>revoked</c>); its attempts go to others at once.</summary>
    public bool Evict(string hostId, string code, string reason) =>
        throw new NotSupportedException();
}

/// <summary>One connection of a host. All members may be called from any thread.</summary>
public sealed class DispatchHost
{
    internal DispatchHost() { }

    /// <summary>Grows with every connection of any host.</summary>
    public long SessionEpoch => throw new NotSupportedException();

    /// <summary>Anything was heard of the host. Cheap: call it for every read.</summary>
    public void Touch() => throw new NotSupportedException();

    /// <summary>The host is ready to be offered work; call it once, after the hello was answered.</summary>
    public void Ready() => throw new NotSupportedException();

    /// <summary>Takes up an attempt of an earlier connection, also of one before the gateway's restart; null: it is fenced.</summary>
    /// <param name="token">The attempt's token, as the offer gave it.</param>
    /// <param name="lastAckedSeq">The host has nothing below this number any more.</param>
    public Attempt? Resume(string token, long lastAckedSeq) => throw new NotSupportedException();

    /// <summary>Changes how many attempts it runs at the most.</summary>
    public void SetSlots(int slots) => throw new NotSupportedException();

    /// <summary>Changes what it can run.</summary>
    public void SetModels(IReadOnlyList<ModelInfo> models) => throw new NotSupportedException();

    /// <summary>The host asks for no more work and finishes what it has.</summary>
    public void Drain() => throw new NotSupportedException();

    /// <summary>The link is gone. Attempts wait a moment for the host to come back, then go to others.</summary>
    public void Disconnect() => throw new NotSupportedException();
}

/// <summary>What became of output.</summary>
public enum AppendOutcome : byte
{
    /// <summary>It is taken.</summary>
    Taken,

    /// <summary>It was taken before.</summary>
    Duplicate,

    /// <summary>Something before it is missing: the link is broken and must be made anew.</summary>
    Gap,

    /// <summary>The attempt may not write any more.</summary>
    Fenced,
}

/// <summary>One try at a task by one host. What it writes counts while its fence is the task's.</summary>
public sealed class Attempt
{
    internal Attempt() { }

    /// <summary>The task.</summary>
    public TaskId TaskId => throw new NotSupportedException();

    /// <summary>The task's id as clients see it.</summary>
    public string PublicTaskId => throw new NotSupportedException();

    /// <summary>The signed name of this attempt, good for <see cref="DispatchHost.Resume"/>.</summary>
    public string Token => throw new NotSupportedException();

    /// <summary>Which kind of work.</summary>
    public string Kind => throw new NotSupportedException();

    /// <summary>The model, by the host's name for it.</summary>
    public string Model => throw new NotSupportedException();

    /// <summary>True when somebody reads along.</summary>
    public bool Stream => throw new NotSupportedException();

    /// <summary>What is left of the time that this try may take.</summary>
    public TimeSpan TimeLeft => throw new NotSupportedException();

    /// <summary>W3C trace context.</summary>
    public string? Traceparent => throw new NotSupportedException();

    /// <summary>The request.</summary>
    public ReadOnlyMemory<byte> Request => throw new NotSupportedException();

    /// <summary>The number of the next output frame.</summary>
    public int NextSeq => throw new NotSupportedException();

    /// <summary>For the session: the handle it gave the attempt.</summary>
    public uint Handle { get; set; }

    /// <summary>The host has begun.</summary>
    public void Accept() => throw new NotSupportedException();

    /// <summary>The host will not; the task goes to another and the try does not count.</summary>
    public void Refuse(string code, string reason) => throw new NotSupportedException();

    /// <summary>Takes output. Readers see it after <see cref="Flush"/>: call that once for all that one read brought.</summary>
    public AppendOutcome Append(
        int seq,
        DeltaKind kind,
        ushort choice,
        in ReadOnlySequence<byte> data
    ) => throw new NotSupportedException();

    /// <summary>Shows what was appended.</summary>
    public void Flush() => throw new NotSupportedException();

    /// <summary>Ends the task well. Acknowledged through <see cref="IHostSink.Acknowledge"/> when it is kept.</summary>
    public AppendOutcome Finish(int seq, Messages.Finish finish) =>
        throw new NotSupportedException();

    /// <summary>Ends the try badly; whether the task is tried again is the engine's to say. Acknowledged like <see cref="Finish"/>.</summary>
    public AppendOutcome Fail(int seq, Messages.Fail fail) => throw new NotSupportedException();

    /// <summary>The backend has stopped; the slot is free.</summary>
    public void Free() => throw new NotSupportedException();
}
