using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.AI;

namespace Pollard.Client;

/// <summary>OpenAI's chat body of messages and options in the words of .NET's abstractions. What has no word there is an error, not a silence.</summary>
internal static class ChatBody
{
    /// <summary>Arguments of a function, by name.</summary>
    public static JsonTypeInfo<IDictionary<string, object?>?> ArgumentsType { get; } =
        (JsonTypeInfo<IDictionary<string, object?>?>)
            AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(IDictionary<string, object?>));

    public static JsonObject Of(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        var all = new JsonArray();
        if (options?.Instructions is { Length: > 0 } instructions)
        {
            all.Add((JsonNode)new JsonObject { ["role"] = "system", ["content"] = instructions });
        }

        foreach (var message in messages)
        {
            Add(all, message);
        }

        var body = new JsonObject { ["messages"] = all, ["stream"] = true };
        if (options is not null)
        {
            AddOptions(body, options);
            AddTools(body, options);
            AddOthers(body, options);
        }

        return body;
    }

    private static void Add(JsonArray all, ChatMessage message)
    {
        var parts = new JsonArray();
        var calls = new JsonArray();
        foreach (var content in message.Contents)
        {
            switch (content)
            {
                case FunctionResultContent result:
                    all.Add(
                        (JsonNode)
                            new JsonObject
                            {
                                ["role"] = "tool",
                                ["tool_call_id"] = result.CallId,
                                ["content"] = TextOf(result),
                            }
                    );
                    break;
                case FunctionCallContent call:
                    calls.Add((JsonNode)CallOf(call));
                    break;
                case TextReasoningContent or UsageContent:
                    break; // The model's own words about an answer; none reads them again.
                default:
                    parts.Add((JsonNode)PartOf(content));
                    break;
            }
        }

        if (parts.Count == 0 && calls.Count == 0)
        {
            return;
        }

        var turn = new JsonObject { ["role"] = message.Role.Value, ["content"] = ContentOf(message, parts) };
        if (message.AuthorName is { Length: > 0 } name)
        {
            turn["name"] = name;
        }

        if (calls.Count > 0)
        {
            turn["tool_calls"] = calls;
        }

        all.Add((JsonNode)turn);
    }

    // Text alone is a string: not every server reads parts.
    private static JsonNode? ContentOf(ChatMessage message, JsonArray parts) =>
        parts.Count == 0 ? null
        : message.Contents.Any(static content => content is DataContent or UriContent) ? parts
        : JsonValue.Create(message.Text);

    private static JsonObject PartOf(AIContent content) =>
        content switch
        {
            TextContent text => new() { ["type"] = "text", ["text"] = text.Text },
            DataContent data when data.HasTopLevelMediaType("image") => Image(data.Uri),
            UriContent uri when uri.HasTopLevelMediaType("image") => Image(uri.Uri.AbsoluteUri),
            DataContent { MediaType: "audio/wav" or "audio/x-wav" or "audio/mpeg" or "audio/mp3" } audio => new()
            {
                ["type"] = "input_audio",
                ["input_audio"] = new JsonObject
                {
                    ["data"] = audio.Base64Data.ToString(),
                    ["format"] = audio.MediaType.EndsWith("wav", StringComparison.Ordinal) ? "wav" : "mp3",
                },
            },
            _ => throw new NotSupportedException(
                $"A chat has no word for {content.GetType().Name}; send text, images, audio (WAV, MP3) and calls of functions."
            ),
        };

    private static JsonObject Image(string address) =>
        new()
        {
            ["type"] = "image_url",
            ["image_url"] = new JsonObject { ["url"] = address },
        };

    private static JsonObject CallOf(FunctionCallContent call) =>
        new()
        {
            ["id"] = call.CallId,
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = call.Name,
                ["arguments"] = JsonSerializer.SerializeToNode(call.Arguments, ArgumentsType)?.ToJsonString() ?? "{}",
            },
        };

    private static string TextOf(FunctionResultContent result) =>
        result switch
        {
            { Exception: { } exception } => "Error: " + exception.Message,
            { Result: null } => "",
            { Result: string text } => text,
            { Result: JsonElement { ValueKind: JsonValueKind.String } text } => text.GetString()!,
            { Result: TextContent text } => text.Text,
            { Result: var value } => ToNode(value)?.ToJsonString() ?? "",
        };

    private static void AddOptions(JsonObject body, ChatOptions options)
    {
        Set("max_tokens", options.MaxOutputTokens);
        Set("temperature", options.Temperature);
        Set("top_p", options.TopP);
        Set("top_k", options.TopK);
        Set("frequency_penalty", options.FrequencyPenalty);
        Set("presence_penalty", options.PresencePenalty);
        Set("seed", options.Seed);
        Set("stop", options.StopSequences is { Count: > 0 } stop ? new JsonArray([.. stop.Select(Text)]) : null);
        Set("reasoning_effort", EffortOf(options.Reasoning?.Effort));
        Set("response_format", FormatOf(options.ResponseFormat));

        void Set(string name, JsonNode? value)
        {
            if (value is not null)
            {
                body[name] = value;
            }
        }

        static JsonNode? Text(string value) => JsonValue.Create(value);
    }

    private static string? EffortOf(ReasoningEffort? effort) =>
        effort switch
        {
            null => null,
            ReasoningEffort.None => "none",
            ReasoningEffort.Low => "low",
            ReasoningEffort.Medium => "medium",
            ReasoningEffort.High => "high",
            _ => "xhigh",
        };

    private static JsonObject? FormatOf(ChatResponseFormat? format)
    {
        if (format is not ChatResponseFormatJson json)
        {
            return null;
        }

        if (json.Schema is not { } schema)
        {
            return new JsonObject { ["type"] = "json_object" };
        }

        var named = new JsonObject { ["name"] = json.SchemaName ?? "answer", ["schema"] = ToNode(schema) };
        if (json.SchemaDescription is { } description)
        {
            named["description"] = description;
        }

        return new JsonObject { ["type"] = "json_schema", ["json_schema"] = named };
    }

    private static void AddTools(JsonObject body, ChatOptions options)
    {
        if (options.Tools is not { Count: > 0 } tools)
        {
            return;
        }

        body["tools"] = new JsonArray([.. tools.Select(ToolOf)]);
        JsonNode? choice = options.ToolMode switch
        {
            NoneChatToolMode => "none",
            RequiredChatToolMode { RequiredFunctionName: { } name } => new JsonObject
            {
                ["type"] = "function",
                ["function"] = new JsonObject { ["name"] = name },
            },
            RequiredChatToolMode => "required",
            _ => null,
        };
        if (choice is not null)
        {
            body["tool_choice"] = choice;
        }

        if (options.AllowMultipleToolCalls is { } several)
        {
            body["parallel_tool_calls"] = several;
        }
    }

    private static JsonNode ToolOf(AITool tool)
    {
        if (tool is not AIFunctionDeclaration function)
        {
            throw new NotSupportedException(
                $"\"{tool.Name}\" is a {tool.GetType().Name}; a chat takes functions only."
            );
        }

        return new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = function.Name,
                ["description"] = function.Description,
                ["parameters"] = ToNode(function.JsonSchema),
            },
        };
    }

    // As they are, where nothing above says the same.
    private static void AddOthers(JsonObject body, ChatOptions options)
    {
        foreach (var (name, value) in options.AdditionalProperties ?? [])
        {
            if (!body.ContainsKey(name))
            {
                body[name] = ToNode(value);
            }
        }
    }

    private static JsonNode? ToNode(object? value) =>
        value is null
            ? null
            : JsonSerializer.SerializeToNode(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(object)));
}
