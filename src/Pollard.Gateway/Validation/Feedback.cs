using System.Globalization;
using System.Text;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Validation;

/// <summary>What a model is told of an answer that did not pass.</summary>
internal static class Feedback
{
    private const int MostQuoted = 2000;

    /// <summary>The text.</summary>
    /// <param name="plan">The task's plan.</param>
    /// <param name="rejected">The answer.</param>
    /// <param name="number">Its number, from 1.</param>
    /// <param name="prompt">What was asked first.</param>
    public static string Of(ValidationPlan plan, RejectedAnswer rejected, int number, string prompt)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Attempt {number} of {plan.MaxAttempts} was not accepted.\n");
        var count = 0;
        foreach (var verdict in rejected.Verdicts.Where(verdict => !verdict.Valid))
        {
            text.Append(count == 0 ? "\nErrors:\n" : "");
            text.Append(CultureInfo.InvariantCulture, $"{++count}. {verdict.Validator}: {verdict.Error}\n");
        }

        string[] suggestions =
        [
            .. rejected.Verdicts.SelectMany(verdict => verdict.Suggestions ?? []).Distinct(StringComparer.Ordinal),
        ];
        if (suggestions.Length > 0)
        {
            text.Append("\nSuggestions:\n").AppendJoin("", suggestions.Select(suggestion => $"- {suggestion}\n"));
        }

        if (rejected.Input is { Length: > 0 } input)
        {
            text.Append("\nA person who looked at it says:\n").Append(input).Append('\n');
        }

        if (number >= plan.ToolAfter && plan.ToolName is { } tool)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"\nUse the tool \"{tool}\" to find out what is wrong before you answer.\n"
            );
        }

        if (prompt.Length > 0)
        {
            text.Append("\nThe original request:\n").Append(Cut(prompt)).Append('\n');
        }

        return text.Append("\nAnswer the original request again, with all errors corrected.").ToString();
    }

    // The whole of it stands at the beginning of the conversation.
    private static string Cut(string prompt)
    {
        if (prompt.Length <= MostQuoted)
        {
            return prompt;
        }

        var end = char.IsHighSurrogate(prompt[MostQuoted - 1]) ? MostQuoted - 1 : MostQuoted;
        return string.Concat(prompt.AsSpan(0, end), "…");
    }
}
