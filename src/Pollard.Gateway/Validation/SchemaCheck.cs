using System.Buffers;
using System.Text.Json;
using System.Text.RegularExpressions;
using Json.Schema;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Validation;

/// <summary><c>schema</c>: JSON Schema draft 7.</summary>
internal static class SchemaCheck
{
    private const int MostErrors = 10;
    private const string Draft = "$schema";

    // A schema without references looks at each value once with each of its parts, at the most.
    private const long MostSteps = 20_000_000;

    private static readonly string[] Drafts =
    [
        "http://json-schema.org/draft-07/schema",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft-07/schema",
        "https://json-schema.org/draft-07/schema#",
    ];

    /// <summary>Reads the check, and the schema.</summary>
    public static AnswerCheck Read(ParamReader given)
    {
        var json = given.Any("schema") ?? throw given.Missing("schema");
        given.End();
        if (json.ValueKind is not (JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False))
        {
            throw given.Wrong("schema", "must be a JSON Schema: an object, true or false");
        }

        var schema = Build(given, WithoutDraft(given, json));
        var parts = Count(json);
        return Checks.OfJson(value => Evaluate(schema, value, parts));
    }

    private static Finding Evaluate(JsonSchema schema, JsonElement value, long parts)
    {
        try
        {
            if (parts * Count(value) > MostSteps)
            {
                throw new SchemaTooCostlyException();
            }

            SchemaBudget.Reset();
            var results = schema.Evaluate(value, new EvaluationOptions { OutputFormat = OutputFormat.List });
            return results.IsValid ? Finding.Valid : Report(results);
        }
        catch (SchemaTooCostlyException)
        {
            return Finding.Of("the answer is too large to be checked against the schema", "Write less.");
        }
        catch (RegexMatchTimeoutException e)
        {
            return Finding.Of($"the pattern {e.Pattern} of the schema could not be matched in time");
        }
    }

    private static Finding Report(EvaluationResults results)
    {
        List<string> errors = [];
        foreach (var result in (results.Details ?? []).Append(results))
        {
            foreach (var (keyword, message) in result.Errors ?? [])
            {
                // "False" as a schema is how a schema says that a member is one too many.
                var error = keyword.Length == 0 ? "is not allowed here" : message;
                errors.Add($"{PathOf(result)}: {error}");
            }
        }

        var shown = string.Join("; ", errors.Take(MostErrors));
        var more = errors.Count > MostErrors ? $"; and {errors.Count - MostErrors} more" : "";
        return Finding.Of(
            $"the answer does not match the schema: {shown}{more}",
            "Change what is named by its path, and keep the rest."
        );
    }

    private static string PathOf(EvaluationResults result) =>
        result.InstanceLocation.ToString() is { Length: > 0 } path ? path : "/";

    private static JsonSchema Build(ParamReader given, JsonElement json)
    {
        try
        {
            var schema = JsonSchema.Build(json, SchemaDialect.Options(), null);
            return schema.Root is null || SchemaDialect.AllLead(schema.Root)
                ? schema
                : throw given.Wrong("schema", "has a $ref that leads nowhere; schemas elsewhere are not fetched");
        }
        catch (RegexParseException e)
        {
            throw given.Wrong("schema", $"has a pattern that cannot be read: {e.Message}");
        }
        catch (Exception e)
            when (e
                    is JsonSchemaException
                        or RefResolutionException
                        or ArgumentException
                        or FormatException
                        or JsonException
            )
        {
            throw given.Wrong("schema", $"is no JSON Schema of draft 7: {e.Message}");
        }
    }

    /// <summary>The schema without the name of its draft, which must be the one we know, and would bring the library's own keywords.</summary>
    private static JsonElement WithoutDraft(ParamReader given, JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            return json;
        }

        if (json.TryGetProperty(Draft, out var draft) && !(draft.ValueKind == JsonValueKind.String && IsKnown(draft)))
        {
            throw given.Wrong("schema", $"must be of draft 7: {Drafts[1]}", "not_available");
        }

        if (json.EnumerateObject().Any(member => NamesDraft(member.Value)))
        {
            throw given.Wrong("schema", "may name its draft at its top only");
        }

        var bytes = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(bytes, JsonReply.WriterOptions);
        writer.WriteStartObject();
        foreach (var member in json.EnumerateObject().Where(member => member.Name != Draft))
        {
            member.WriteTo(writer);
        }

        writer.WriteEndObject();
        writer.Flush();
        return JsonElement.Parse(bytes.WrittenSpan);
    }

    private static bool IsKnown(JsonElement draft) => Drafts.Contains(draft.GetString());

    private static bool NamesDraft(JsonElement json) =>
        json.ValueKind switch
        {
            JsonValueKind.Object => json.EnumerateObject()
                .Any(member =>
                    (member.Name == Draft && member.Value.ValueKind == JsonValueKind.String) || NamesDraft(member.Value)
                ),
            JsonValueKind.Array => json.EnumerateArray().Any(NamesDraft),
            _ => false,
        };

    /// <summary>How many values a value is made of.</summary>
    private static long Count(JsonElement json) =>
        json.ValueKind switch
        {
            JsonValueKind.Object => 1 + json.EnumerateObject().Sum(member => Count(member.Value)),
            JsonValueKind.Array => 1 + json.EnumerateArray().Sum(Count),
            _ => 1,
        };
}
