namespace Pollard.Gateway.Answers;

/// <summary>Where a name leads that clients use and no host has.</summary>
/// <param name="Pattern">The client's name; one <c>*</c> stands for any text.</param>
/// <param name="Target">The name that hosts have; a <c>*</c> is what the pattern's stood for.</param>
public sealed record ModelRoute(string Pattern, string Target)
{
    /// <summary>The target for a name; null when the pattern is not its.</summary>
    public string? Follow(string model)
    {
        var star = Pattern.IndexOf('*', StringComparison.Ordinal);
        if (star < 0)
        {
            return string.Equals(model, Pattern, StringComparison.Ordinal) ? Target : null;
        }

        var (head, tail) = (Pattern[..star], Pattern[(star + 1)..]);
        return
            model.Length > head.Length + tail.Length
            && model.StartsWith(head, StringComparison.Ordinal)
            && model.EndsWith(tail, StringComparison.Ordinal)
            ? Target.Replace("*", model[head.Length..^tail.Length], StringComparison.Ordinal)
            : null;
    }
}

/// <summary>
/// The owner's routes and, after them, the prefixes that clients of LiteLLM and of the Claude proxy write before a model. What
/// follows <c>max/</c> is free there: it names a purpose, not a model, unless it is one of Claude's.
/// </summary>
public sealed class ModelRoutes(IReadOnlyList<ModelRoute> ofOwner)
{
    private static readonly ModelRoute[] Usual =
    [
        new("max", "claude/opus"),
        new("opus", "claude/opus"),
        new("max/opus", "claude/opus"),
        new("max/sonnet", "claude/sonnet"),
        new("max/haiku", "claude/haiku"),
        new("max/claude-*", "claude/claude-*"),
        new("max", "claude"),
        new("opus", "claude"),
        new("max/*", "claude"),
        new("ollama/*", "*"),
        new("openai/*", "*"),
        new("anthropic/*", "*"),
        new("gemini/*", "*"),
        new("vertex_ai/*", "*"),
        new("runpod/*", "*"),
    ];

    private readonly ModelRoute[] _routes = [.. ofOwner, .. Usual];

    /// <summary>Where the first route of the owner leads that is for this name; null when none is.</summary>
    public string? OfOwner(string model) =>
        ofOwner.Select(route => route.Follow(model)).FirstOrDefault(static target => target is not null);

    /// <summary>The names that a client's name may lead to, best first; not itself.</summary>
    public IEnumerable<string> Of(string model)
    {
        foreach (var route in _routes)
        {
            if (route.Follow(model) is { } target)
            {
                yield return target;
            }
        }
    }
}
