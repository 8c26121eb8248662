using System.Text.Json;

namespace Pollard.Protocol.Api;

/// <summary>The body of <c>POST /v1/tasks</c>.</summary>
public sealed record SubmitTask
{
    /// <summary><c>chat</c>, <c>completion</c>, <c>embedding</c>, or a name that an agent registered.</summary>
    public required string Kind { get; init; }

    /// <summary>What to do: for <c>chat</c> an OpenAI chat body without <c>model</c>.</summary>
    public required JsonElement Request { get; init; }

    /// <summary>The model, for kinds that have one.</summary>
    public string? Model { get; init; }

    /// <summary>-100 to 100; absent: 0. One point is worth ten seconds of waiting.</summary>
    public int? Priority { get; init; }

    /// <summary>Seconds that one run may take.</summary>
    public double? Timeout { get; init; }

    /// <summary>Seconds that the task may wait to be started.</summary>
    public double? QueueTimeout { get; init; }

    /// <summary>Tries before the task fails, 1 to 100; absent: 3.</summary>
    public int? MaxAttempts { get; init; }

    /// <summary>Not to be started before.</summary>
    public DateTimeOffset? RunAt { get; init; }

    /// <summary>What the host must have.</summary>
    public TaskRequirements? Requires { get; init; }

    /// <summary>Anything of the client's, given back unread; at most 16 KB.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>Seconds that the ended task is kept.</summary>
    public double? Retention { get; init; }

    /// <summary><c>full</c> (absent) or <c>relaxed</c>: kept in memory until it ends.</summary>
    public string? Durability { get; init; }

    /// <summary>What must hold of the answer: names of validators, or objects with <c>type</c> and <c>params</c>; see docs/reference/validation.md.</summary>
    public JsonElement? Validation { get; init; }

    /// <summary>How often and how fast the model is asked again after an answer that did not pass.</summary>
    public JsonElement? RetryConfig { get; init; }

    /// <summary>After so many answers that did not pass, the model is told of a tool.</summary>
    public int? MaxAttemptsBeforeToolUse { get; init; }

    /// <summary>The tool that it is told of.</summary>
    public string? DebugToolName { get; init; }

    /// <summary>The <c>mcp_config</c> that its request then carries.</summary>
    public JsonElement? DebugToolMcpConfig { get; init; }

    /// <summary>After so many answers that did not pass, a person is asked.</summary>
    public int? MaxAttemptsBeforeHuman { get; init; }

    /// <summary>Seconds that the person has to answer; absent: a day.</summary>
    public double? InputTimeout { get; init; }

    /// <summary>What checks and feedback quote as the question; absent: the last message of the user.</summary>
    public string? OriginalUserPrompt { get; init; }
}

/// <summary>The body of <c>POST /v1/tasks/{id}/input</c>.</summary>
/// <param name="Action"><c>retry</c>: the model is asked again, with the text; <c>accept</c>: the last answer counts; <c>reject</c>: the task fails.</param>
/// <param name="Text">For the model, or the reason; at most 64 KB.</param>
public sealed record InputRequest(string Action, string? Text);

/// <summary>What a host must have to be given a task.</summary>
public sealed record TaskRequirements
{
    /// <summary>Labels, all of them.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>The id or name of the one host.</summary>
    public string? Host { get; init; }

    /// <summary>Tokens of context at the least.</summary>
    public int? Context { get; init; }

    /// <summary>Capabilities of the model, all of them.</summary>
    public IReadOnlyList<string>? Features { get; init; }

    /// <summary>Only hosts of this tier and above. Absent: any, but <c>trusted</c> for a request with tools.</summary>
    public TrustTier? Tier { get; init; }
}

/// <summary>The body of <c>POST /v1/tasks:batch</c>: up to 1,000 tasks in one commit.</summary>
public sealed record SubmitBatch(IReadOnlyList<SubmitTask> Tasks);

/// <summary>One item of the answer to a batch, in the order of the request: a task or an error.</summary>
public sealed record BatchItem(TaskDocument? Task, Problem? Error);

/// <summary>The answer to a batch.</summary>
public sealed record BatchReply(IReadOnlyList<BatchItem> Tasks);

/// <summary>A task as clients see it.</summary>
public sealed record TaskDocument
{
    /// <summary>The public id.</summary>
    public required string Id { get; init; }

    /// <summary>The kind of work.</summary>
    public required string Kind { get; init; }

    /// <summary>The model asked for.</summary>
    public string? Model { get; init; }

    /// <summary>The id of the key that owns it; only for those who see the tasks of all.</summary>
    public string? Owner { get; init; }

    /// <summary><c>pending</c>, <c>running</c>, <c>completed</c>, <c>failed</c>, <c>timeout</c> or <c>cancelled</c>.</summary>
    public required string State { get; init; }

    /// <summary>True when the state will not change any more.</summary>
    public required bool Final { get; init; }

    /// <summary>-100 to 100.</summary>
    public required int Priority { get; init; }

    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When a host first took it.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Not to be started before.</summary>
    public DateTimeOffset? RunAt { get; init; }

    /// <summary>Tries so far.</summary>
    public required int Attempt { get; init; }

    /// <summary>Tries at the most.</summary>
    public required int MaxAttempts { get; init; }

    /// <summary>How far it is, while it runs.</summary>
    public TaskProgress? Progress { get; init; }

    /// <summary>Answers so far that were to pass checks.</summary>
    public required int ValidationAttempts { get; init; }

    /// <summary>True when no answer passed and a person is to say what becomes of it: <c>POST /v1/tasks/{id}/input</c>.</summary>
    public bool? NeedsInput { get; init; }

    /// <summary>The id that another door gave it.</summary>
    public string? Name { get; init; }

    /// <summary>Tokens, in OpenAI's shape.</summary>
    public JsonElement? Usage { get; init; }

    /// <summary>The host that has it or had it last.</summary>
    public string? Host { get; init; }

    /// <summary>The result; of a chat the OpenAI chat completion object. Left out in lists.</summary>
    public JsonElement? Result { get; init; }

    /// <summary>Why it did not complete.</summary>
    public Problem? Error { get; init; }

    /// <summary>The client's own.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>Grows with each change; the <c>ETag</c>.</summary>
    public required long Version { get; init; }

    /// <summary>Events so far.</summary>
    public required long Events { get; init; }

    /// <summary><c>full</c> or <c>relaxed</c>.</summary>
    public required string Durability { get; init; }
}

/// <summary>How far a running task is.</summary>
/// <param name="Percent">0 to 100, where known.</param>
/// <param name="Phase">What it is at, where known.</param>
/// <param name="Message">The same for people.</param>
/// <param name="Partial">The text of the answer so far; the last 64 KB of it.</param>
public sealed record TaskProgress(double? Percent, string? Phase, string? Message, string? Partial);

/// <summary>A page of a list, newest first.</summary>
/// <param name="Tasks">The tasks, without results.</param>
/// <param name="Next">The cursor of the next page (<c>before</c>), absent at the end.</param>
public sealed record TaskPage(IReadOnlyList<TaskDocument> Tasks, string? Next);

/// <summary>One event of a task's log.</summary>
public sealed record TaskEventDocument
{
    /// <summary>Its number, from 0, without gaps.</summary>
    public required long Seq { get; init; }

    /// <summary>When it happened.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary><c>submitted</c>, <c>leased</c>, <c>phase</c>, <c>delta</c>, <c>usage</c>, <c>lost</c>, <c>redispatched</c>, <c>interrupted</c>, <c>continued</c>, <c>completed</c>, <c>failed</c>, <c>timeout</c>, <c>cancelled</c>, <c>retried</c>, <c>answered</c>, <c>validation</c>, <c>input_needed</c>, <c>input</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Of a delta: <c>content</c>, <c>reasoning</c>, <c>tool_call</c>, <c>logprobs</c>, <c>body</c>, <c>refusal</c>.</summary>
    public string? Kind { get; init; }

    /// <summary>Of a delta: which of several answers.</summary>
    public int? Choice { get; init; }

    /// <summary>Of a delta of text: the text.</summary>
    public string? Text { get; init; }

    /// <summary>What else the event says.</summary>
    public JsonElement? Data { get; init; }
}

/// <summary>A page of events.</summary>
/// <param name="Events">The events in order.</param>
/// <param name="Final">True when no more will come.</param>
public sealed record EventPage(IReadOnlyList<TaskEventDocument> Events, bool Final);

/// <summary>An error of our own doors (RFC 9457), also the error of a task.</summary>
public sealed record Problem
{
    /// <summary>A stable word after <c>urn:pollard:error:</c>.</summary>
    public required string Type { get; init; }

    /// <summary>What is wrong, in general.</summary>
    public required string Title { get; init; }

    /// <summary>What happened to which thing, and what to do.</summary>
    public string? Detail { get; init; }

    /// <summary>The HTTP status; absent in a task's error.</summary>
    public int? Status { get; init; }

    /// <summary>True when the same may work later.</summary>
    public bool? Retryable { get; init; }

    /// <summary>The task it is about.</summary>
    public string? Task { get; init; }

    /// <summary>The member of the request that is to blame.</summary>
    public string? Parameter { get; init; }
}

/// <summary>Why a task waits.</summary>
public sealed record WhyDocument
{
    /// <summary>The task's state.</summary>
    public required string State { get; init; }

    /// <summary>The reason in one sentence.</summary>
    public required string Summary { get; init; }

    /// <summary>How many tasks for the same work come first.</summary>
    public int? Position { get; init; }

    /// <summary>Seconds that it will probably still wait, as fast as such work went of late; absent when that is not known.</summary>
    public double? Estimate { get; init; }

    /// <summary>What stands for and against each host.</summary>
    public required IReadOnlyList<WhyHost> Hosts { get; init; }
}

/// <summary>One host's part of the answer.</summary>
/// <param name="Host">Its name.</param>
/// <param name="Can">True when it could run the task now or later.</param>
/// <param name="Reason">Why it does not, or that it will.</param>
/// <param name="QuarantinedAt">Since when it is quarantined; absent when it is not, and for all but admins.</param>
public sealed record WhyHost(string Host, bool Can, string Reason, DateTimeOffset? QuarantinedAt = null);
