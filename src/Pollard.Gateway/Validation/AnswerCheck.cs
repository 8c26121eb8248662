using System.Text;
using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Validation;

/// <summary>Looks at an answer. Whatever the answer is, that is a finding; an exception says that the check itself could not be made.</summary>
internal delegate ValueTask<Finding> AnswerCheck(CheckedAnswer answer, CancellationToken cancellationToken);

/// <summary>What a check found.</summary>
/// <param name="Error">What is wrong, for the model; null when nothing is.</param>
internal sealed record Finding(string? Error)
{
    /// <summary>Nothing is wrong.</summary>
    public static readonly Finding Valid = new((string?)null);

    /// <summary>What would mend it.</summary>
    public IReadOnlyList<string>? Suggestions { get; init; }

    /// <summary>More for people.</summary>
    public JsonElement? Debug { get; init; }

    /// <summary>Something is wrong.</summary>
    public static Finding Of(string error, params string[] suggestions) =>
        new(error) { Suggestions = suggestions.Length == 0 ? null : suggestions };

    /// <summary>Valid when it holds.</summary>
    public static Finding When(bool holds, string error, params string[] suggestions) =>
        holds ? Valid : Of(error, suggestions);
}

/// <summary>An answer as its checks see it.</summary>
internal sealed class CheckedAnswer(ReviewedAnswer source, int index)
{
    private (JsonElement? Value, string? Problem)? _json;

    /// <summary>The answer and its task.</summary>
    public ReviewedAnswer Source { get; } = source;

    /// <summary>The check's place in the plan.</summary>
    public int Index { get; } = index;

    /// <summary>The whole answer.</summary>
    public string Text => Source.Text;

    /// <summary>The JSON that the answer is, or that stands in its first block of JSON; or why there is none.</summary>
    public (JsonElement? Value, string? Problem) Json => _json ??= ReadJson(Text);

    private static (JsonElement?, string?) ReadJson(string text)
    {
        var whole = Parse(text);
        return whole.Value is null && CodeBlocks.Find(text, "json") is { } block ? Parse(block) : whole;
    }

    private static (JsonElement? Value, string? Problem) Parse(string text)
    {
        try
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            var value = JsonElement.Parse(bytes);
            return JsonCheck.IsTextReadable(bytes) ? (value, null) : (null, "it holds half a character");
        }
        catch (JsonException e)
        {
            return (null, PlaceOf(e));
        }
    }

    // The reader's own words quote the text and speak of settings of this program.
    private static string PlaceOf(JsonException e) =>
        e.LineNumber is { } line
            ? $"line {line + 1}, column {e.BytePositionInLine + 1} cannot be read"
            : "it cannot be read";
}
