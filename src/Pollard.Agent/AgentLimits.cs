using Pollard.Protocol;

namespace Pollard.Agent;

/// <summary>What the owner of a machine lets clients do with it. A null member limits nothing.</summary>
public sealed record AgentLimits
{
    /// <summary>Only these models of what the backends have; patterns as <see cref="ModelPattern"/> reads them.</summary>
    public IReadOnlyList<string>? Models { get; init; }

    /// <summary>Not these, whatever <see cref="Models"/> says.</summary>
    public IReadOnlyList<string>? NotModels { get; init; }

    /// <summary>Tokens in all answers to one request together, at least 1.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Tokens of context, at least 1; models are offered with no more.</summary>
    public int? MaxContext { get; init; }

    /// <summary>The only members that a request may have, besides the prompt and what changes nothing of the answer.</summary>
    public IReadOnlyList<string>? AllowedParameters { get; init; }

    /// <summary>Members that a request may not have.</summary>
    public IReadOnlyList<string>? DeniedParameters { get; init; }

    /// <summary>True when requests are to be looked at before they are run.</summary>
    internal bool OnRequests =>
        MaxTokens is not null
        || MaxContext is not null
        || AllowedParameters is not null
        || DeniedParameters is not null;

    /// <summary>True for a model that may be offered.</summary>
    internal bool Allows(string model) =>
        (Models is null || ModelPattern.IsMatch(Models, model))
        && !(NotModels is not null && ModelPattern.IsMatch(NotModels, model));

    /// <summary>The model as it is offered.</summary>
    internal ModelInfo Bounded(ModelInfo model) =>
        MaxContext is { } most && !(model.Context <= most) ? model with { Context = most } : model;
}
