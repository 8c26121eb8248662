using System.Text.Json;

namespace Pollard.Protocol.HostLink;

/// <summary>The JSON payloads of control frames. Members are snake_case on the wire; unknown members are ignored.</summary>
public static class Messages
{
    /// <summary>The first frame of a link: who speaks, what it can run, what it still runs.</summary>
    public sealed record Hello
    {
        /// <summary>The oldest version of the link that the agent speaks.</summary>
        public required int ProtocolMin { get; init; }

        /// <summary>The newest version of the link that the agent speaks.</summary>
        public required int ProtocolMax { get; init; }

        /// <summary>Made anew by each start of the agent: tells a restart from a broken link.</summary>
        public required string BootId { get; init; }

        /// <summary>Attempts the host runs at the most, 0 to <see cref="LinkLimits.Slots"/>.</summary>
        public required int Slots { get; init; }

        /// <summary>What the host can run, at most <see cref="LinkLimits.Models"/>.</summary>
        public required IReadOnlyList<ModelInfo> Models { get; init; }

        /// <summary>What people call the machine. Absent: the enrolled name stays.</summary>
        public string? Name { get; init; }

        /// <summary>The agent's program and version, for people.</summary>
        public string? Agent { get; init; }

        /// <summary><c>fallback</c>: gets work only when no other host can do it. Absent: an ordinary host.</summary>
        public string? Role { get; init; }

        /// <summary>Optional abilities of the agent; unknown ones are ignored.</summary>
        public IReadOnlyList<string>? Features { get; init; }

        /// <summary>Words that a task may require.</summary>
        public IReadOnlyList<string>? Labels { get; init; }

        /// <summary>
        /// Seconds after which an idle link must hear something lest it is cut on the way, 5 to 60. Absent: nothing is known of
        /// that, and the gateway chooses.
        /// </summary>
        public double? IdleHeartbeatSeconds { get; init; }

        /// <summary>Why the host takes no work at this moment. Absent: it does.</summary>
        public Rest? Rest { get; init; }

        /// <summary>Attempts that still run, or whose end is not acknowledged.</summary>
        public IReadOnlyList<Resume>? Resume { get; init; }
    }

    /// <summary>A host takes no work of its owner's accord. What runs is finished.</summary>
    /// <param name="Code"><c>paused</c> or <c>schedule</c>; <c>none</c> says that it takes work again.</param>
    /// <param name="Reason">The same for people.</param>
    /// <param name="Seconds">After so many it will take work again; absent: nobody knows.</param>
    public sealed record Rest(string Code, string Reason, double? Seconds);

    /// <summary>One attempt that the host still has.</summary>
    /// <param name="Attempt">The token of the offer.</param>
    /// <param name="LastSentSeq">The number after the last output frame made so far.</param>
    /// <param name="LastAckedSeq">The number the gateway last acknowledged up to: nothing below it can be sent again.</param>
    public sealed record Resume(string Attempt, long LastSentSeq, long LastAckedSeq);

    /// <summary>The session begins.</summary>
    public sealed record HelloOk
    {
        /// <summary>The version both ends use from here on.</summary>
        public required int Protocol { get; init; }

        /// <summary>Grows with every session of a host.</summary>
        public required long SessionEpoch { get; init; }

        /// <summary>The session's name in the requests of the long poll.</summary>
        public required string Session { get; init; }

        /// <summary>Seconds between heartbeats of an agent with nothing else to say.</summary>
        public required double HeartbeatSeconds { get; init; }

        /// <summary>The same while the agent has no attempt: stretched where very many hosts are connected. Absent: no other.</summary>
        public double? IdleHeartbeatSeconds { get; init; }

        /// <summary>Seconds of silence after which the link counts as lost.</summary>
        public required double SilenceSeconds { get; init; }

        /// <summary>Bytes of output ahead of credit, per attempt.</summary>
        public required int CreditBytes { get; init; }

        /// <summary>What becomes of each attempt that the hello named, in its order.</summary>
        public required IReadOnlyList<ResumeVerdict> Resumed { get; init; }
    }

    /// <summary>What becomes of one attempt.</summary>
    public sealed record ResumeVerdict
    {
        /// <summary>The token, as the hello gave it.</summary>
        public required string Attempt { get; init; }

        /// <summary>True: the attempt is no longer this host's.</summary>
        public required bool Fenced { get; init; }

        /// <summary>The attempt's handle in this session. Absent when fenced.</summary>
        public uint? Handle { get; init; }

        /// <summary>The first output frame that the gateway lacks. Absent when fenced.</summary>
        public long? NextSeq { get; init; }

        /// <summary>Bytes of output, from that frame on, ahead of credit: the window less what nobody has read yet. Absent: the whole window.</summary>
        public int? CreditBytes { get; init; }
    }

    /// <summary>The header of an offer; the request follows it (<see cref="OfferPayload"/>).</summary>
    public sealed record Offer
    {
        /// <summary>The attempt's token: names it in a later session. Opaque.</summary>
        public required string Attempt { get; init; }

        /// <summary>The task's public id, for logs.</summary>
        public required string Task { get; init; }

        /// <summary>Which kind of work: <c>chat</c>, <c>completion</c>, <c>embedding</c>, or a name the agent registered.</summary>
        public required string Kind { get; init; }

        /// <summary>The model, by the name that the host gave it.</summary>
        public required string Model { get; init; }

        /// <summary>True when somebody reads along: send output as it comes. Otherwise larger pieces are cheaper.</summary>
        public bool? Stream { get; init; }

        /// <summary>Seconds that the run may take.</summary>
        public double? TimeoutSeconds { get; init; }

        /// <summary>W3C trace context of the request, passed on to the backend.</summary>
        public string? Traceparent { get; init; }

        /// <summary>The beginning of the answer, which another host has written: only what follows it is to be sent. Absent: there is none.</summary>
        public Continue? Continue { get; init; }
    }

    /// <summary>The beginning of an answer whose host was lost, for a host whose model has the capability of this name.</summary>
    public sealed record Continue
    {
        /// <summary><c>prefill</c>: the text is to be the beginning of the model's own message. <c>replay</c>: the model answers anew, and must say the same.</summary>
        public required string Mode { get; init; }

        /// <summary>The text of the answer so far.</summary>
        public required string Text { get; init; }

        /// <summary>The text of the reasoning before it. Absent: none was shown.</summary>
        public string? Reasoning { get; init; }

        /// <summary>About how many tokens that is, to be taken off what the request allows.</summary>
        public int Tokens { get; init; }
    }

    /// <summary>Why an attempt must stop.</summary>
    public sealed record Cancel(string Reason);

    /// <summary>No more offers will come.</summary>
    /// <param name="DeadlineSeconds">What still runs then is handed over to other hosts. Absent: it runs to its end, or to the deadline that was said before.</param>
    /// <param name="Reason">Why, for people.</param>
    public sealed record Drain(double? DeadlineSeconds, string Reason);

    /// <summary>Changed settings; an absent one stays.</summary>
    public sealed record Config
    {
        /// <summary>See <see cref="HelloOk.HeartbeatSeconds"/>.</summary>
        public double? HeartbeatSeconds { get; init; }

        /// <summary>See <see cref="HelloOk.IdleHeartbeatSeconds"/>.</summary>
        public double? IdleHeartbeatSeconds { get; init; }

        /// <summary>False: what <see cref="Drain"/> said holds no more.</summary>
        public bool? Draining { get; init; }

        /// <summary>The host's models that it gets no work for: its join token is for others. Empty: it may serve all.</summary>
        public IReadOnlyList<string>? ExcludedModels { get; init; }

        /// <summary>Why the host gets no work though some waits, for people. Empty: it gets some, or none waits.</summary>
        public string? WhyIdle { get; init; }
    }

    /// <summary>Why the session ends, and when to come back.</summary>
    /// <param name="Code"><c>replaced</c>, <c>draining</c>, <c>revoked</c>, <c>protocol</c> or <c>silence</c>.</param>
    /// <param name="Reason">The same for people.</param>
    /// <param name="ReconnectSeconds">Come back after a random part of this many seconds; absent: do not come back by yourself.</param>
    public sealed record GoAway(string Code, string Reason, double? ReconnectSeconds);

    /// <summary>How many attempts the host runs at the most, from now on.</summary>
    public sealed record Slots(int Total);

    /// <summary>Why an offer was not taken.</summary>
    /// <param name="Code"><c>busy</c>, <c>draining</c>, <c>unknown_model</c>, <c>unsupported</c> or <c>too_large</c>.</param>
    /// <param name="Reason">The same for people.</param>
    public sealed record Refuse(string Code, string Reason);

    /// <summary>An attempt's good end.</summary>
    public sealed record Finish
    {
        /// <summary>Why each answer ended, in order of choice: OpenAI's words (<c>stop</c>, <c>length</c>, <c>tool_calls</c>, ...).</summary>
        public IReadOnlyList<string>? FinishReasons { get; init; }

        /// <summary>Tokens and the like, as the backend counts them, in OpenAI's shape.</summary>
        public JsonElement? Usage { get; init; }

        /// <summary>The model's name as the backend reports it.</summary>
        public string? Model { get; init; }

        /// <summary>Timings in nanoseconds as Ollama reports them, where the backend has them.</summary>
        public BackendTimings? Timings { get; init; }

        /// <summary>Members of the backend's answer that the gateway carries along unread.</summary>
        public JsonElement? Extra { get; init; }
    }

    /// <summary>Where the time went, in nanoseconds.</summary>
    public sealed record BackendTimings(long? Total, long? Load, long? PromptEval, long? Eval);

    /// <summary>An attempt's bad end.</summary>
    public sealed record Fail
    {
        /// <summary>A stable word: <c>backend_error</c>, <c>backend_unreachable</c>, <c>bad_request</c>, <c>rate_limited</c>, <c>cancelled</c>, <c>timeout</c>, ...</summary>
        public required string Code { get; init; }

        /// <summary>What happened, for people; no prompt and no key.</summary>
        public required string Message { get; init; }

        /// <summary>True when another host or a later try may do better.</summary>
        public required bool Retryable { get; init; }

        /// <summary>The HTTP status that the backend gave.</summary>
        public int? Status { get; init; }

        /// <summary>Seconds to wait before another try, where the backend said so.</summary>
        public double? RetryAfterSeconds { get; init; }

        /// <summary>The member of the request that is to blame, 1 to 100 printable characters.</summary>
        public string? Parameter { get; init; }
    }

    /// <summary>The host's present state; an absent member stays as it was.</summary>
    public sealed record Status
    {
        /// <summary>What the host can run.</summary>
        public IReadOnlyList<ModelInfo>? Models { get; init; }

        /// <summary>Whether it takes work.</summary>
        public Rest? Rest { get; init; }
    }

    /// <summary>How far an attempt is.</summary>
    /// <param name="Phase"><c>loading</c>, <c>prefill</c>, <c>thinking</c>, <c>tool</c>, ...</param>
    /// <param name="Percent">0 to 100.</param>
    /// <param name="Message">The same for people.</param>
    public sealed record Progress(string? Phase, double? Percent, string? Message);
}
