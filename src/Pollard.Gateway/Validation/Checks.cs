namespace Pollard.Gateway.Validation;

/// <summary>What checks have in common.</summary>
internal static class Checks
{
    /// <summary>A check that waits for nothing.</summary>
    public static AnswerCheck Of(Func<CheckedAnswer, Finding> look) =>
        (answer, _) => ValueTask.FromResult(look(answer));

    /// <summary>A check of the answer's JSON; there must be some.</summary>
    public static AnswerCheck OfJson(Func<System.Text.Json.JsonElement, Finding> look) =>
        Of(answer =>
            answer.Json.Value is { } json
                ? look(json)
                : Finding.Of(
                    $"the answer is not valid JSON: {answer.Json.Problem}",
                    "Answer with JSON only, without text around it."
                )
        );

    /// <summary>Texts for a sentence, the first few of them.</summary>
    public static string Quoted(IReadOnlyCollection<string> texts, int most)
    {
        var shown = string.Join(", ", texts.Take(most).Select(text => $"\"{text}\""));
        return texts.Count > most ? $"{shown} and {texts.Count - most} more" : shown;
    }
}
