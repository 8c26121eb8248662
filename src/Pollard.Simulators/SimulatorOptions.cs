namespace Pollard.Simulators;

/// <summary>What a simulator serves, how fast, and what it does wrong on purpose.</summary>
public sealed record SimulatorOptions
{
    /// <summary>The models it claims to have. A model named <c>*</c> stands for any name.</summary>
    public IReadOnlyList<SimulatedModel> Models { get; init; } = [SimulatedModel.Demo];

    /// <summary>Tokens a second of each answer; 0 sends all at once.</summary>
    public double TokensPerSecond { get; init; }

    /// <summary>How long an answer takes to begin.</summary>
    public TimeSpan FirstTokenDelay { get; init; }

    /// <summary>How long Ollama loads a model that is asked for the first time; until then it does not list it as loaded.</summary>
    public TimeSpan LoadTime { get; init; }

    /// <summary>Shifts every answer: the same seed, model and prompt give the same text.</summary>
    public long Seed { get; init; }

    /// <summary>What is answered to whom: the first whose words are in the last message; empty words are in any.</summary>
    public IReadOnlyList<(string Words, string Answer)> Answers { get; init; } = [];

    /// <summary>What is answered to a message; null: generated text.</summary>
    internal string? AnswerTo(string message) =>
        Answers.FirstOrDefault(one => message.Contains(one.Words, StringComparison.OrdinalIgnoreCase)).Answer;

    /// <summary>Tokens in an answer whose request sets no lower limit.</summary>
    public int Tokens { get; init; } = 48;

    /// <summary>Numbers in an embedding whose request does not say.</summary>
    public int EmbeddingDimensions { get; init; } = 64;

    /// <summary>Answers anew when the last message is the model's own, as some servers do, where others go on with it.</summary>
    public bool IgnoresPrefill { get; init; }

    /// <summary>What goes wrong, and how often. The first that strikes a request wins.</summary>
    public IReadOnlyList<SimulatorFault> Faults { get; init; } = [];

    /// <summary>The bearer key that requests must show. Absent: none.</summary>
    public string? Key { get; init; }

    /// <summary>The clock behind rates and times.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>A model that a simulator claims to have.</summary>
/// <param name="Name">The name that clients ask for.</param>
public sealed record SimulatedModel(string Name)
{
    /// <summary>The model that is there when nothing else is.</summary>
    public static SimulatedModel Demo { get; } = new("pollard-demo");

    /// <summary>In Ollama's words: <c>completion</c>, <c>tools</c>, <c>vision</c>, <c>thinking</c>, <c>embedding</c>.</summary>
    public IReadOnlyList<string> Capabilities { get; init; } =
    ["completion", "tools", "vision", "thinking", "embedding"];

    /// <summary>Tokens of context that it claims.</summary>
    public int Context { get; init; } = 32_768;

    internal bool Answers(string name) =>
        Name == "*" || string.Equals(WithoutLatest(Name), WithoutLatest(name), StringComparison.Ordinal);

    private static string WithoutLatest(string name) =>
        name.EndsWith(":latest", StringComparison.Ordinal) ? name[..^":latest".Length] : name;
}
