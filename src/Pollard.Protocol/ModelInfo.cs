namespace Pollard.Protocol;

/// <summary>A model, as the host that has it describes it.</summary>
public sealed record ModelInfo
{
    /// <summary>The capability of going on with work that this host has begun, after a crash, where another one would begin anew.</summary>
    public const string Resume = "resume";

    /// <summary>The capability of going on with an answer that it is given the beginning of, see <see cref="HostLink.Messages.Continue"/>.</summary>
    public const string Prefill = "prefill";

    /// <summary>The capability of answering anew and leaving out the beginning that it is given, see <see cref="HostLink.Messages.Continue"/>.</summary>
    public const string Replay = "replay";

    /// <summary>What begins a required feature that is no capability but <see cref="Digest"/>: the very same weights.</summary>
    public const string DigestPrefix = "digest:";

    /// <summary>The name clients ask for, see <see cref="HostLink.LinkLimits.IsModelName"/>; <c>*</c> means any (an upstream that knows best itself).</summary>
    public required string Name { get; init; }

    /// <summary>Kinds of work it does: <c>chat</c>, <c>completion</c>, <c>embedding</c>, ... Absent: chat and completion.</summary>
    public IReadOnlyList<string>? Kinds { get; init; }

    /// <summary>What it can do besides: <c>tools</c>, <c>vision</c>, <c>thinking</c>, <c>json</c>, <c>logprobs</c>, <c>resume</c>, ... Absent: not known.</summary>
    public IReadOnlyList<string>? Capabilities { get; init; }

    /// <summary>The program that runs it: <c>ollama</c>, <c>openai</c>, <c>simulator</c>, ...</summary>
    public string? Engine { get; init; }

    /// <summary>Digest of the weights.</summary>
    public string? Digest { get; init; }

    /// <summary>Quantization, as the engine names it.</summary>
    public string? Quantization { get; init; }

    /// <summary>Family, as the engine names it.</summary>
    public string? Family { get; init; }

    /// <summary>Number of parameters, as the engine writes it: <c>8B</c>.</summary>
    public string? ParameterSize { get; init; }

    /// <summary>Bytes of the weights.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>Tokens of context.</summary>
    public int? Context { get; init; }

    /// <summary>True when it is in memory now.</summary>
    public bool? Loaded { get; init; }

    /// <summary>When it was made or pulled.</summary>
    public DateTimeOffset? ModifiedAt { get; init; }
}
