using System.IO.Enumeration;
using Pollard.Protocol.HostLink;

namespace Pollard.Protocol;

/// <summary>Names of models as owners write them in lists: <c>*</c> stands for any text, <c>?</c> for one character.</summary>
public static class ModelPattern
{
    /// <summary>Patterns in one list.</summary>
    public const int Most = 64;

    /// <summary>True for 1 to 100 characters that a model's name may have, or <c>*</c> and <c>?</c>.</summary>
    public static bool IsPattern(string? text) =>
        text is { Length: > 0 and <= LinkLimits.ModelNameCharacters }
        && LinkLimits.IsModelName(text.Replace('*', '-').Replace('?', '-'));

    /// <summary>True when one of the patterns is the model's. As Ollama reads names, <c>qwen3</c> is <c>qwen3:latest</c> too.</summary>
    public static bool IsMatch(IReadOnlyList<string> patterns, string model)
    {
        foreach (var pattern in patterns)
        {
            if (
                FileSystemName.MatchesSimpleExpression(pattern, model, ignoreCase: false)
                || (
                    !pattern.Contains(':', StringComparison.Ordinal)
                    && FileSystemName.MatchesSimpleExpression(pattern + ":latest", model, ignoreCase: false)
                )
            )
            {
                return true;
            }
        }

        return false;
    }
}
