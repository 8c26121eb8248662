using Pollard.Protocol;

namespace Pollard.Agent.Backends.Commands;

/// <summary>How one command is called and read.</summary>
internal abstract class CommandDialect
{
    /// <summary>The name that clients ask for.</summary>
    public abstract string Name { get; }

    /// <summary>What the list of models says of what runs it.</summary>
    public abstract string Engine { get; }

    /// <summary>The executable, by path or by name.</summary>
    public abstract string Program { get; }

    /// <summary>What it can do besides answer.</summary>
    public virtual IReadOnlyList<string> Capabilities => [];

    /// <summary>Names of models that it can be asked for.</summary>
    public virtual IReadOnlyList<string> Models => [];

    /// <summary>How it is called for one request.</summary>
    /// <param name="run">The request and where it runs.</param>
    public abstract CommandCall Call(RunContext run);

    /// <summary>What it reads from its input.</summary>
    /// <param name="run">The same.</param>
    public abstract ReadOnlyMemory<byte> Input(RunContext run);

    /// <summary>What reads the output of that call.</summary>
    public abstract CommandReader Reader(RunContext run);

    /// <summary>Removes what the command itself keeps of a conversation that nobody will go on with.</summary>
    /// <param name="session">Its name for it.</param>
    /// <param name="directory">Where it started.</param>
    public virtual void Forget(string session, string directory) { }

    /// <summary>All that it offers.</summary>
    public IReadOnlyList<ModelInfo> Offered() =>
        [Described(Name), .. Models.Select(model => Described($"{Name}/{model}"))];

    /// <summary>The command's own name of a model; null for its usual one.</summary>
    public string? OwnModel(string offered) =>
        offered.StartsWith(Name + "/", StringComparison.Ordinal) ? offered[(Name.Length + 1)..] : null;

    private ModelInfo Described(string name) =>
        new()
        {
            Name = name,
            Kinds = ["chat", "command"],
            Capabilities = Capabilities,
            Engine = Engine,
        };
}

/// <summary>One request on its way to a command.</summary>
internal sealed record RunContext
{
    public required CommandRequest Request { get; init; }

    /// <summary>The model, as clients ask for it.</summary>
    public required string Model { get; init; }

    public required RunFolder Folder { get; init; }

    /// <summary>The conversation to go on with; null for a new one.</summary>
    public string? Session { get; init; }
}

/// <summary>How a command is called.</summary>
/// <param name="Arguments">Its arguments as they are.</param>
internal sealed record CommandCall(IReadOnlyList<string> Arguments)
{
    /// <summary>Variables that it gets besides those of the allow-list.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } =
        new Dictionary<string, string>(StringComparer.Ordinal);
}

/// <summary>Reads the output of one call and passes it on as it comes.</summary>
internal abstract class CommandReader
{
    /// <summary>The command's own name for the conversation, as soon as it is known.</summary>
    public string? Session { get; protected set; }

    /// <summary>Called as soon as there is a session.</summary>
    public Action<string> SessionKnown { get; set; } = static _ => { };

    /// <summary>Reads the output to its end.</summary>
    public abstract Task ReadAsync(Stream stream, RunOutput output, CancellationToken ct);

    /// <summary>How the call ended, once it has.</summary>
    /// <param name="exitCode">Its exit code.</param>
    /// <param name="errors">The end of its error stream.</param>
    /// <param name="output">Where what is left of the answer goes.</param>
    /// <param name="ct">The attempt's.</param>
    public abstract ValueTask<WorkResult> EndAsync(int exitCode, string errors, RunOutput output, CancellationToken ct);
}
