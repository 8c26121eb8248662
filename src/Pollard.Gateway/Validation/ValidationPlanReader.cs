using System.Buffers;
using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Validation;

/// <summary>Reads from a client's object what must hold of the answer, and checks all of it before anything runs.</summary>
internal sealed class ValidationPlanReader(ValidatorCatalog catalog)
{
    private const int MostValidators = 32;
    private const int MostParamBytes = 64 * 1024;
    private const int MostDepth = 32;
    private const int MostToolNameCharacters = 200;
    private const double MostInputSeconds = 30 * 24 * 3600;

    /// <summary>The members that this reads. A door with a closed object refuses others than these and its own.</summary>
    public static IReadOnlyList<string> Members { get; } =
    [
        "validation",
        "default_validate",
        "retry_config",
        "max_attempts_before_tool_use",
        "max_attempts_before_human",
        "input_timeout",
        "debug_tool_name",
        "debug_tool_mcp_config",
        "original_user_prompt",
    ];

    /// <summary>The plan; null when nothing is to be checked.</summary>
    /// <param name="json">The client's object; members that are not in <see cref="Members"/> are others' business.</param>
    /// <param name="path">Where the object stands in the request; empty when it is the request.</param>
    /// <exception cref="RejectedException">Something is wrong; says where.</exception>
    public ValidationPlan? Read(JsonElement json, string path = "")
    {
        try
        {
            return ReadObject(new ParamReader(json, path), path);
        }
        catch (InvalidOperationException)
        {
            throw RequestBody.NoText(); // A text with half a character cannot be had as a string.
        }
    }

    private ValidationPlan? ReadObject(ParamReader given, string path)
    {
        var validators = ReadValidators(given, path.Length == 0 ? "validation" : $"{path}.validation");
        var retry = RetryConfig.Read(given.Within("retry_config"));
        var toolAfter = given.Whole("max_attempts_before_tool_use", 1, RetryConfig.MostAttempts);
        var humanAfter = given.Whole("max_attempts_before_human", 1, RetryConfig.MostAttempts);
        var inputTimeout = given.Number("input_timeout", 1, MostInputSeconds);
        var toolName = given.Text("debug_tool_name");
        if (toolName?.Length > MostToolNameCharacters)
        {
            throw given.Wrong("debug_tool_name", $"must be at most {MostToolNameCharacters} characters");
        }

        var tool = given.Object("debug_tool_mcp_config") is { } config
            ? given.Bounded("debug_tool_mcp_config", config, MostParamBytes, MostDepth).Clone()
            : (JsonElement?)null;
        var prompt = given.Text("original_user_prompt");
        if (prompt?.Length > MostParamBytes)
        {
            throw given.Wrong("original_user_prompt", $"must be at most {MostParamBytes} characters");
        }

        return validators.Count == 0
            ? null
            : retry.Plan(validators) with
            {
                ToolAfter = toolAfter,
                ToolName = toolName,
                ToolMcpConfig = tool,
                HumanAfter = humanAfter,
                InputTimeout = inputTimeout,
                OriginalPrompt = prompt,
            };
    }

    private List<ValidatorSpec> ReadValidators(ParamReader given, string path)
    {
        List<ValidatorSpec> validators = [];
        if (given.Flag("default_validate") is true)
        {
            validators.Add(new ValidatorSpec(ValidatorCatalog.NotEmpty, null));
        }

        if (given.Any("validation") is not { } validation)
        {
            return validators;
        }

        if (validation.ValueKind != JsonValueKind.Array)
        {
            validators.Add(ReadOne(validation, path));
            return validators;
        }

        if (validation.GetArrayLength() > MostValidators)
        {
            throw given.Wrong("validation", $"must have at most {MostValidators} items");
        }

        var at = 0;
        foreach (var item in validation.EnumerateArray())
        {
            validators.Add(ReadOne(item, $"{path}[{at++}]"));
        }

        return validators;
    }

    private ValidatorSpec ReadOne(JsonElement json, string path)
    {
        if (json.ValueKind == JsonValueKind.String)
        {
            return Checked(new ValidatorSpec(json.GetString()!, null), path);
        }

        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new RejectedException(
                DoorError.BadRequest($"\"{path}\" must be an object with a type, or a name", path)
            );
        }

        var given = new ParamReader(json, path);
        var type = given.RequiredText("type");
        if (!given.Has("params"))
        {
            return Checked(new ValidatorSpec(type, ParamsBeside(json, given)), path);
        }

        var parameters = given.Object("params");
        given.End();
        return Checked(
            new ValidatorSpec(
                type,
                parameters is { } own ? given.Bounded("params", own, MostParamBytes, MostDepth).Clone() : null
            ),
            path
        );
    }

    /// <summary>What stands beside the type, where it does not stand in an object of its own.</summary>
    private static JsonElement? ParamsBeside(JsonElement json, ParamReader given)
    {
        given.Bounded("params", json, MostParamBytes, MostDepth);
        var bytes = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(bytes, JsonReply.WriterOptions);
        writer.WriteStartObject();
        var any = false;
        foreach (var member in json.EnumerateObject().Where(member => member.Name != "type"))
        {
            member.WriteTo(writer);
            any = true;
        }

        writer.WriteEndObject();
        writer.Flush();
        return any ? JsonElement.Parse(bytes.WrittenSpan) : null;
    }

    private ValidatorSpec Checked(ValidatorSpec spec, string path)
    {
        catalog.Read(spec, path);
        return spec;
    }
}
