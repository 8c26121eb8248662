using Pollard.Agent.Backends.Http;
using Pollard.Protocol;

namespace Pollard.Agent.Backends;

/// <summary>Which OpenAI-compatible server to use, and how.</summary>
public sealed record OpenAiBackendOptions : HttpBackendOptions
{
    /// <summary>What it can run. Absent: what <c>/v1/models</c> says. One named <c>*</c> stands for any, and lets the list inform.</summary>
    public IReadOnlyList<ModelInfo>? Models { get; init; }

    /// <summary>Asks for the count of tokens with each stream; some old servers refuse that.</summary>
    public bool IncludeUsage { get; init; } = true;

    /// <summary>Passes on http and https addresses of images, which the server then fetches; otherwise they are data: URLs.</summary>
    public bool AllowUrls { get; init; }

    /// <summary>
    /// Tries, with three short questions, whether a model that has just answered goes on with an answer that another host has
    /// begun. Not for servers that are paid for.
    /// </summary>
    public bool Probe { get; init; } = true;

    /// <summary>What the engine is called in the list of models.</summary>
    public string Engine { get; init; } = "openai";

    /// <summary>A model entry that stands for any name.</summary>
    public static ModelInfo AnyModel { get; } = new() { Name = "*", Kinds = ["chat", "completion", "embedding"] };
}
