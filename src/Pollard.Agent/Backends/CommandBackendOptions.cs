namespace Pollard.Agent.Backends;

/// <summary>What every command that runs work has in common.</summary>
public abstract record CommandBackendOptions
{
    /// <summary>What it can be asked for besides its own name; asked for as <c>name/model</c>.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>The directory in which it starts. Absent: one for each task, removed after it.</summary>
    public string? Directory { get; init; }

    /// <summary>Names of variables that it gets of the agent's environment, besides the usual few.</summary>
    public IReadOnlyList<string> Environment { get; init; } = [];

    /// <summary>The servers of tools that clients may name.</summary>
    public McpServers Servers { get; init; } = McpServers.None;

    /// <summary>Bytes in one line of its output, where that comes in lines.</summary>
    public int LongestLineBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Bytes in all of its output.</summary>
    public long LongestAnswerBytes { get; init; } = 64L * 1024 * 1024;
}

/// <summary>Any command whose output is the answer.</summary>
public sealed record TemplateOptions : CommandBackendOptions
{
    /// <summary>The name that clients ask for.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// The program and its arguments, in which <c>{prompt_file}</c>, <c>{model}</c> and <c>{dir}</c> are replaced. The prompt is
    /// its input unless an argument has <c>{prompt_file}</c>.
    /// </summary>
    public required IReadOnlyList<string> Words { get; init; }
}

/// <summary>Claude Code.</summary>
public sealed record ClaudeCodeOptions : CommandBackendOptions
{
    /// <summary>Models that it knows when nobody says otherwise.</summary>
    public static IReadOnlyList<string> UsualModels { get; } = ["opus", "sonnet", "haiku"];

    /// <summary>The executable, by path or by name.</summary>
    public string Program { get; init; } = "claude";

    /// <summary>What it may do, in its own words: <c>Read</c>, <c>Bash(git *)</c>. None: it only answers.</summary>
    public IReadOnlyList<string> Tools { get; init; } = [];

    /// <summary>Programs that are started before work comes; 0: none.</summary>
    public int Warm { get; init; }
}

/// <summary>Codex.</summary>
public sealed record CodexOptions : CommandBackendOptions
{
    /// <summary>The executable, by path or by name.</summary>
    public string Program { get; init; } = "codex";

    /// <summary>
    /// What its commands may, in its own words: <c>read-only</c>, <c>workspace-write</c>, <c>danger-full-access</c>. Absent: it runs
    /// none and only answers.
    /// </summary>
    public string? Sandbox { get; init; }
}
