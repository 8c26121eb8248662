namespace Pollard.Protocol.HostLink;

/// <summary>What a frame says. Below 64 the gateway sends it, from 64 on the agent does.</summary>
public enum FrameType : byte
{
    /// <summary>Opens the session: <see cref="Messages.HelloOk"/>.</summary>
    HelloOk = 1,

    /// <summary>One attempt at a task, within a slot the host granted: <see cref="OfferPayload"/>.</summary>
    Offer = 2,

    /// <summary>Stop this attempt and free its slot: <see cref="Messages.Cancel"/>.</summary>
    Cancel = 3,

    /// <summary>Everything of the attempt below <see cref="FrameHeader.Sequence"/> is kept; the agent may forget it. No payload.</summary>
    Ack = 4,

    /// <summary>The agent may send this many more bytes of output: the payload is one little-endian u32.</summary>
    Credit = 5,

    /// <summary>The attempt is no longer this host's: stop it, send nothing more of it. No payload.</summary>
    Fenced = 6,

    /// <summary>No more offers will come; finish what runs: <see cref="Messages.Drain"/>.</summary>
    Drain = 7,

    /// <summary>Echo this at once as <see cref="Pong"/>, with the same payload.</summary>
    Ping = 8,

    /// <summary>Changed settings of the session: <see cref="Messages.Config"/>.</summary>
    Config = 9,

    /// <summary>The session ends: <see cref="Messages.GoAway"/>.</summary>
    GoAway = 10,

    /// <summary>Opens the link: <see cref="Messages.Hello"/>.</summary>
    Hello = 64,

    /// <summary>How many attempts the host runs at the most: <see cref="Messages.Slots"/>.</summary>
    Slots = 65,

    /// <summary>The offer is taken. No payload.</summary>
    Accept = 66,

    /// <summary>The offer is not taken: <see cref="Messages.Refuse"/>.</summary>
    Refuse = 67,

    /// <summary>Output: raw bytes; <see cref="FrameHeader.Flags"/> is the <see cref="DeltaKind"/>, <see cref="FrameHeader.Answer"/> the answer it belongs to, <see cref="FrameHeader.Tokens"/> how many tokens it has.</summary>
    Delta = 68,

    /// <summary>The attempt ended well: <see cref="Messages.Finish"/>. Its sequence number follows that of the last delta.</summary>
    Finish = 69,

    /// <summary>The attempt failed: <see cref="Messages.Fail"/>. Its sequence number follows that of the last delta.</summary>
    Fail = 70,

    /// <summary>The backend has stopped and the slot is free again. No payload.</summary>
    Free = 71,

    /// <summary>What the host has now: <see cref="Messages.Status"/>.</summary>
    Status = 72,

    /// <summary>The host is alive. No payload.</summary>
    Heartbeat = 73,

    /// <summary>The echo of <see cref="Ping"/>.</summary>
    Pong = 74,
}

/// <summary>What the bytes of a delta are. Numbers are stored: never renumber.</summary>
public enum DeltaKind : byte
{
    /// <summary>Text of the answer, UTF-8.</summary>
    Content = 0,

    /// <summary>Text of the model's reasoning, UTF-8.</summary>
    Reasoning = 1,

    /// <summary>A fragment of a tool call: a JSON object in the shape of OpenAI's <c>delta.tool_calls[]</c> item.</summary>
    ToolCall = 2,

    /// <summary>Log-probabilities of the content just sent: a JSON object in the shape of OpenAI's <c>choices[].logprobs</c>.</summary>
    LogProbabilities = 3,

    /// <summary>A phase or a percentage: <see cref="Messages.Progress"/>.</summary>
    Progress = 4,

    /// <summary>A piece of a result that is no text, as it came; the pieces in order are the result.</summary>
    Body = 5,

    /// <summary>Text of a refusal, UTF-8.</summary>
    Refusal = 6,

    /// <summary>How a tool's answer begins: <see cref="Api.HttpHead"/>. The first piece of output of the kind <c>http</c>, followed by <see cref="Body"/>.</summary>
    Head = 7,

    /// <summary>Never on the wire: stands in a task's log for a piece of <see cref="Body"/> whose bytes are elsewhere.</summary>
    BodyElsewhere = 8,
}
