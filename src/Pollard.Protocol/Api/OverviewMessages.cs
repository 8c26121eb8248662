namespace Pollard.Protocol.Api;

/// <summary>The answer of <c>GET /v1/overview</c>: what the gateway does at this moment. Counts are since its start.</summary>
public sealed record Overview
{
    /// <summary>The gateway's version.</summary>
    public required string Version { get; init; }

    /// <summary>Another word with each start.</summary>
    public required string Instance { get; init; }

    /// <summary>When the gateway was started.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When this was so.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>How the store is.</summary>
    public required StoreOverview Store { get; init; }

    /// <summary>Internal loops that hang, by name; see <c>GET /readyz</c>.</summary>
    public required IReadOnlyList<string> LateLoops { get; init; }

    /// <summary>Tasks.</summary>
    public required TaskCounts Tasks { get; init; }

    /// <summary>How fast it goes.</summary>
    public required OverviewRates Rates { get; init; }

    /// <summary>What waits for hosts, by kind and model, the longest first; at most 100.</summary>
    public required IReadOnlyList<QueueOverview> Queues { get; init; }

    /// <summary>Hosts.</summary>
    public required HostCounts Hosts { get; init; }

    /// <summary>What hosts have, what was begun first coming first; at most 50.</summary>
    public required IReadOnlyList<RunningOverview> Running { get; init; }

    /// <summary>How many more hosts have.</summary>
    public required int RunningLeftOff { get; init; }

    /// <summary>What ended badly, the newest first; at most 20.</summary>
    public required IReadOnlyList<FailureOverview> Failures { get; init; }
}

/// <summary>How the store is.</summary>
/// <param name="Writable">It takes writes.</param>
/// <param name="Reason">Why it does not, or null.</param>
/// <param name="Backlog">Writes that wait for a commit.</param>
public sealed record StoreOverview(bool Writable, string? Reason, int Backlog);

/// <summary>Tasks: those that have not ended, and counts since the gateway's start.</summary>
public sealed record TaskCounts
{
    /// <summary>Tasks that wait.</summary>
    public required int Pending { get; init; }

    /// <summary>Tasks that hosts have.</summary>
    public required int Running { get; init; }

    /// <summary>Tasks that were taken.</summary>
    public required long Submitted { get; init; }

    /// <summary>Tasks that completed.</summary>
    public required long Completed { get; init; }

    /// <summary>Tasks that failed.</summary>
    public required long Failed { get; init; }

    /// <summary>Tasks whose time was over.</summary>
    public required long Timeout { get; init; }

    /// <summary>Tasks that were cancelled.</summary>
    public required long Cancelled { get; init; }

    /// <summary>Tokens of requests whose tasks have ended, as hosts say.</summary>
    public required long InputTokens { get; init; }

    /// <summary>Tokens of answers whose tasks have ended, as hosts say.</summary>
    public required long OutputTokens { get; init; }
}

/// <summary>How fast it goes, over the last ten seconds.</summary>
/// <param name="Requests">Tasks a second that were taken.</param>
/// <param name="Tokens">Tokens a second that hosts wrote.</param>
public sealed record OverviewRates(double Requests, double Tokens);

/// <summary>What waits for hosts that could run the same.</summary>
/// <param name="Kind">The kind of work.</param>
/// <param name="Model">The model, as clients named it.</param>
/// <param name="Depth">Tasks that wait.</param>
/// <param name="OldestWait">Seconds since the submission of the one that waits longest.</param>
/// <param name="Unserved">For how many seconds none of them was given to a host.</param>
public sealed record QueueOverview(string Kind, string Model, int Depth, double OldestWait, double Unserved);

/// <summary>Hosts, by their states, and what connected ones can do.</summary>
public sealed record HostCounts
{
    /// <summary>Hosts that take work.</summary>
    public required int Online { get; init; }

    /// <summary>Hosts that finish what they have.</summary>
    public required int Draining { get; init; }

    /// <summary>Hosts that their owners let rest.</summary>
    public required int Paused { get; init; }

    /// <summary>Hosts whose answers failed audits.</summary>
    public required int Quarantined { get; init; }

    /// <summary>Hosts that are not connected.</summary>
    public required int Offline { get; init; }

    /// <summary>Tasks that connected hosts can run at the same time.</summary>
    public required int Slots { get; init; }

    /// <summary>Tasks that connected hosts have.</summary>
    public required int Running { get; init; }

    /// <summary>Another number when a host came, went or changed.</summary>
    public required long Version { get; init; }
}

/// <summary>A task that a host has.</summary>
public sealed record RunningOverview
{
    /// <summary>The task's id.</summary>
    public required string Id { get; init; }

    /// <summary>The kind of work.</summary>
    public required string Kind { get; init; }

    /// <summary>The model; absent for kinds without one.</summary>
    public string? Model { get; init; }

    /// <summary>What people call the host.</summary>
    public required string Host { get; init; }

    /// <summary>The id of the key that owns it; empty without keys.</summary>
    public required string Owner { get; init; }

    /// <summary>Which try this is.</summary>
    public required int Attempt { get; init; }

    /// <summary>Tries at the most.</summary>
    public required int MaxAttempts { get; init; }

    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When this try began.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>Tokens of its answer so far; four bytes count as one where the host does not say.</summary>
    public required long Tokens { get; init; }

    /// <summary>What it does, in the host's words.</summary>
    public string? Phase { get; init; }

    /// <summary>How far it is, 0 to 100, as the host says.</summary>
    public double? Percent { get; init; }

    /// <summary>The end of its answer, at most 200 characters; absent for those who may not read it.</summary>
    public string? Text { get; init; }
}

/// <summary>A task that ended badly.</summary>
public sealed record FailureOverview
{
    /// <summary>The task's id.</summary>
    public required string Id { get; init; }

    /// <summary>The kind of work.</summary>
    public required string Kind { get; init; }

    /// <summary>The model; absent for kinds without one.</summary>
    public string? Model { get; init; }

    /// <summary><c>failed</c> or <c>timeout</c>.</summary>
    public required string State { get; init; }

    /// <summary>The error's word.</summary>
    public required string Code { get; init; }

    /// <summary>What happened.</summary>
    public required string Message { get; init; }

    /// <summary>When it ended.</summary>
    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>The id of the host that had it last; absent when none had it.</summary>
    public string? Host { get; init; }
}

/// <summary>Tasks that changed, as <c>GET /v1/overview/events</c> tells of them.</summary>
/// <param name="Tasks">As they are now, without results.</param>
/// <param name="More">Others changed too: what is shown must be read anew.</param>
public sealed record ChangedTasks(IReadOnlyList<TaskDocument> Tasks, bool More);

/// <summary>The answer of <c>GET /v1/overview/history</c>: points in time, oldest first; null where nothing is known.</summary>
/// <param name="Step">Seconds from one point to the next.</param>
/// <param name="Until">The moment of the last point.</param>
/// <param name="Requests">Tasks a second that were taken.</param>
/// <param name="Tokens">Tokens a second that hosts wrote.</param>
/// <param name="Pending">Tasks that waited, at the most.</param>
/// <param name="Running">Tasks that hosts had, at the most.</param>
public sealed record OverviewHistory(
    int Step,
    DateTimeOffset Until,
    IReadOnlyList<double?> Requests,
    IReadOnlyList<double?> Tokens,
    IReadOnlyList<int?> Pending,
    IReadOnlyList<int?> Running
);

/// <summary>The answer of <c>GET /v1/session</c>: who looks at the dashboard.</summary>
/// <param name="KeysRequired">Whether one must sign in at all.</param>
/// <param name="Role"><c>admin</c> or <c>viewer</c>; absent: nobody is signed in.</param>
/// <param name="Name">What people call the key.</param>
public sealed record SessionDocument(bool KeysRequired, string? Role, string? Name);

/// <summary>The body of <c>POST /v1/session</c>.</summary>
/// <param name="Key">The secret of an admin's or a viewer's key.</param>
public sealed record SignIn(string Key);

/// <summary>The answer of <c>GET /v1/settings</c>.</summary>
/// <param name="Settings">What the gateway's options are set to.</param>
/// <param name="Routes">Where names lead that clients use and no host has.</param>
public sealed record SettingsDocument(IReadOnlyList<SettingDocument> Settings, IReadOnlyList<RouteDocument> Routes);

/// <summary>What an option is set to.</summary>
public sealed record SettingDocument
{
    /// <summary>The flag, such as <c>--urls</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What it is set to; <c>(set)</c> for a secret. Absent: nothing, and there is no default.</summary>
    public string? Value { get; init; }

    /// <summary><c>flag</c>, <c>environment</c>, <c>file</c> or <c>default</c>.</summary>
    public required string Source { get; init; }

    /// <summary>The member of <c>pollard.json</c>; absent where only a flag counts.</summary>
    public string? Member { get; init; }

    /// <summary>The environment's variable; absent where only a flag counts.</summary>
    public string? Variable { get; init; }

    /// <summary>What it does.</summary>
    public required string About { get; init; }
}

/// <summary>Where a name leads.</summary>
/// <param name="Name">The name that clients use.</param>
/// <param name="Targets">The models in its place, the first that a host has being taken.</param>
public sealed record RouteDocument(string Name, IReadOnlyList<string> Targets);
