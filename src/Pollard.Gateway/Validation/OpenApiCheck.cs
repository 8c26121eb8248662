using System.Text.Json;

namespace Pollard.Gateway.Validation;

/// <summary><c>openapi_spec</c>: the members that every OpenAPI 3 document must have, in JSON.</summary>
internal static class OpenApiCheck
{
    private const int MostErrors = 10;

    private static readonly string[] Methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

    /// <summary>Reads the check.</summary>
    public static AnswerCheck Read(ParamReader given)
    {
        given.End();
        return Checks.OfJson(json =>
        {
            var errors = ErrorsOf(json);
            return errors.Count == 0
                ? Finding.Valid
                : Finding.Of(
                    $"the answer is no OpenAPI document: {string.Join("; ", errors.Take(MostErrors))}",
                    "Answer with one OpenAPI 3 document in JSON."
                );
        });
    }

    private static List<string> ErrorsOf(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            return ["it must be an object"];
        }

        List<string> errors = [];
        var version = TextOf(json, "openapi");
        if (version is null || !version.StartsWith("3.", StringComparison.Ordinal))
        {
            errors.Add("openapi must be a version 3.x");
        }

        if (!json.TryGetProperty("info"u8, out var info) || info.ValueKind != JsonValueKind.Object)
        {
            errors.Add("info is missing");
        }
        else
        {
            AddUnless(TextOf(info, "title") is not null, "info.title is missing", errors);
            AddUnless(TextOf(info, "version") is not null, "info.version is missing", errors);
        }

        if (json.TryGetProperty("paths"u8, out var paths))
        {
            CheckPaths(paths, errors);
        }
        else
        {
            // From 3.1 on a document may describe only components or webhooks.
            var needsPaths = version is null || version.StartsWith("3.0", StringComparison.Ordinal);
            var has = json.TryGetProperty("components"u8, out _) || json.TryGetProperty("webhooks"u8, out _);
            AddUnless(!needsPaths && has, "paths is missing", errors);
        }

        return errors;
    }

    private static void CheckPaths(JsonElement paths, List<string> errors)
    {
        if (paths.ValueKind != JsonValueKind.Object)
        {
            errors.Add("paths must be an object");
            return;
        }

        foreach (var path in paths.EnumerateObject())
        {
            if (path.Name.StartsWith("x-", StringComparison.Ordinal))
            {
                continue;
            }

            AddUnless(path.Name.StartsWith('/'), $"the path \"{path.Name}\" must begin with a slash", errors);
            if (path.Value.ValueKind != JsonValueKind.Object)
            {
                errors.Add($"paths[\"{path.Name}\"] must be an object");
                continue;
            }

            foreach (var operation in path.Value.EnumerateObject().Where(member => Methods.Contains(member.Name)))
            {
                CheckOperation(operation.Value, $"{operation.Name} {path.Name}", errors);
            }
        }
    }

    private static void CheckOperation(JsonElement operation, string name, List<string> errors)
    {
        if (
            operation.ValueKind != JsonValueKind.Object
            || !operation.TryGetProperty("responses"u8, out var responses)
            || responses.ValueKind != JsonValueKind.Object
        )
        {
            errors.Add($"{name} has no responses");
            return;
        }

        foreach (var response in responses.EnumerateObject())
        {
            var isCode =
                response.Name is "default" || (response.Name.Length == 3 && response.Name[0] is >= '1' and <= '5');
            AddUnless(
                isCode || response.Name.StartsWith("x-", StringComparison.Ordinal),
                $"{name} has a response \"{response.Name}\", which is no status",
                errors
            );
        }
    }

    private static string? TextOf(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static void AddUnless(bool holds, string error, List<string> errors)
    {
        if (!holds)
        {
            errors.Add(error);
        }
    }
}
