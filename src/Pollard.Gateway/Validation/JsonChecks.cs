using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Pollard.Gateway.Validation;

/// <summary>Checks of JSON and of single fields in it.</summary>
internal static partial class JsonChecks
{
    private const double OldestAge = 150;
    private const double Largest = 1e12;
    private const int MostShownCharacters = 200;

    [GeneratedRegex(
        @"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+\z",
        RegexOptions.NonBacktracking
    )]
    private static partial Regex EmailAddress { get; }

    [GeneratedRegex(@"-?[0-9]+(?:\.[0-9]+)?", RegexOptions.NonBacktracking)]
    private static partial Regex FirstNumber { get; }

    /// <summary><c>json</c>, <c>json_string</c>.</summary>
    public static AnswerCheck Json(ParamReader given)
    {
        given.End();
        return Checks.OfJson(_ => Finding.Valid);
    }

    /// <summary><c>field_present</c>.</summary>
    public static AnswerCheck FieldPresent(ParamReader given)
    {
        var field = given.RequiredText("field_name");
        var present = given.Flag("present");
        var exists = given.Flag("should_exist");
        var expected = given.Has("expected_value") ? ExpectedValue(given) : (JsonElement?)null;
        given.End();
        if (present is { } one && exists is { } other && one != other)
        {
            throw given.Wrong("should_exist", "says the opposite of \"present\"");
        }

        var wanted = present ?? exists ?? true;
        if (!wanted && expected is not null)
        {
            throw given.Wrong("expected_value", "is of no use for a field that must not be there");
        }

        return Checks.OfJson(json =>
        {
            var (value, problem) = JsonField.Find(json, field);
            return !wanted
                    ? Finding.When(value is null, $"the field \"{field}\" must not be there", $"Leave \"{field}\" out.")
                : value is not { } found
                    ? Finding.Of($"the field \"{field}\" is missing: {problem}", $"Add the field \"{field}\".")
                : expected is { } other && !JsonElement.DeepEquals(found, other)
                    ? Finding.Of(
                        $"the field \"{field}\" is {Shown(found)}, not {Shown(other)}",
                        $"Set \"{field}\" to {Shown(other)}."
                    )
                : Finding.Valid;
        });
    }

    /// <summary><c>email_format</c>.</summary>
    public static AnswerCheck Email(ParamReader given)
    {
        var field = FieldOf(given);
        given.End();
        return Checks.Of(answer =>
        {
            var (text, problem) = Subject(answer, field);
            return problem
                ?? Finding.When(
                    EmailAddress.IsMatch(text),
                    $"{NameOf(field)} is no e-mail address",
                    "Give one address, such as name@example.org, and nothing else there."
                );
        });
    }

    /// <summary><c>age_range</c>.</summary>
    public static AnswerCheck AgeRange(ParamReader given)
    {
        var field = FieldOf(given);
        var least = given.Number("min", -Largest, Largest) ?? 0;
        var most = given.Number("max", -Largest, Largest) ?? OldestAge;
        given.End();
        if (most < least)
        {
            throw given.Wrong("max", "must not be less than \"min\"");
        }

        var range = string.Create(CultureInfo.InvariantCulture, $"from {least} to {most}");
        return Checks.Of(answer =>
        {
            var (text, problem) = Subject(answer, field);
            var found = FirstNumber.Match(text);
            return problem
                ?? (
                    !found.Success || (field is not null && found.Length != text.Length)
                        ? Finding.Of($"{NameOf(field)} has no number", $"Give a number {range}.")
                        : Finding.When(
                            double.TryParse(found.ValueSpan, CultureInfo.InvariantCulture, out var age)
                                && age >= least
                                && age <= most,
                            $"{NameOf(field)} is {found.Value}, which is not {range}",
                            $"Give a number {range}."
                        )
                );
        });
    }

    private static string? FieldOf(ParamReader given)
    {
        var field = given.Text("field");
        return given.Text("field_name") ?? field;
    }

    private static JsonElement ExpectedValue(ParamReader given) =>
        given.Any("expected_value") ?? JsonElement.Parse("null");

    private static string NameOf(string? field) => field is null ? "the answer" : $"the field \"{field}\"";

    /// <summary>What a field says, or the answer itself.</summary>
    private static (string Text, Finding? Problem) Subject(CheckedAnswer answer, string? field)
    {
        if (field is null)
        {
            return (answer.Text.Trim(), null);
        }

        if (answer.Json.Value is not { } json)
        {
            return ("", Finding.Of($"the answer is not valid JSON: {answer.Json.Problem}", "Answer with JSON only."));
        }

        var (value, problem) = JsonField.Find(json, field);
        return value?.ValueKind switch
        {
            null => ("", Finding.Of($"the field \"{field}\" is missing: {problem}", $"Add the field \"{field}\".")),
            JsonValueKind.String => (value.Value.GetString()!, null),
            _ => (value.Value.GetRawText(), null),
        };
    }

    private static string Shown(JsonElement value)
    {
        var text = value.GetRawText();
        return text.Length <= MostShownCharacters ? text : string.Concat(text.AsSpan(0, MostShownCharacters), "…");
    }
}
