using System.Text.Json;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Validation;

/// <summary>What a validating model answers: an object with <c>validation_passed</c>, <c>reasoning</c> and <c>details</c>.</summary>
internal static class AgentReport
{
    /// <summary>The member that says whether the answer passed.</summary>
    public const string Passed = "validation_passed";

    /// <summary>What the report says of the answer; null when it is no report.</summary>
    public static Finding? Judge(string text, SuccessCriteria criteria)
    {
        if (ObjectIn(text) is not { } report)
        {
            return null;
        }

        var reasoning = ReasoningOf(report);
        return criteria.WhatFails(report, reasoning) is { } problem
            ? Finding.Of($"the validating model rejects the answer: {problem}")
            : Finding.Valid;
    }

    private static JsonElement? ObjectIn(string text)
    {
        var start = text.IndexOf('{', StringComparison.Ordinal);
        var end = text.LastIndexOf('}');
        var between = start >= 0 && end > start ? text[start..(end + 1)] : null;
        return Parse(text) ?? Parse(CodeBlocks.Find(text, "json")) ?? Parse(between);
    }

    private static JsonElement? Parse(string? text)
    {
        if (text is null)
        {
            return null;
        }

        try
        {
            var bytes = System.Text.Encoding.UTF8.GetBytes(text);
            var json = JsonElement.Parse(bytes);
            return json.ValueKind == JsonValueKind.Object && JsonCheck.IsTextReadable(bytes) ? json : null;
        }
        catch (JsonException)
        {
            return null; // There may be an object further in; who asks says what it means that there is none.
        }
    }

    private static string ReasoningOf(JsonElement report)
    {
        foreach (var name in new[] { "reasoning", "explanation" })
        {
            if (report.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String)
            {
                return value.GetString()!;
            }
        }

        return "it gives no reason";
    }
}
