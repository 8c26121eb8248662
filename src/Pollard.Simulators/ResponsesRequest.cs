using System.Text;
using System.Text.Json;

namespace Pollard.Simulators;

/// <summary>Reads requests of OpenAI's responses API.</summary>
internal static class ResponsesRequest
{
    public static ReplyRequest Read(JsonElement body, string model)
    {
        StringBuilder prompt = new(body.Text("instructions"));
        var lastUser = body.Text("input") ?? "";
        prompt.Append(lastUser);
        foreach (var item in body.Items("input"))
        {
            var role = item.Text("role") ?? item.Text("type") ?? "user";
            var text = role == "function_call_output" ? item.Text("output") ?? "" : item.MessageText();
            prompt.Append(role).Append(": ").Append(text).Append('\n');

            // After a tool has answered, the model answers the user and calls no tool again.
            lastUser = role switch
            {
                "user" => text,
                "function_call_output" => "",
                _ => lastUser,
            };
        }

        var format = (body.Member("text") ?? default).Member("format") ?? default;
        var forced = (body.Member("tool_choice") ?? default).Text("name");
        return new()
        {
            Model = model,
            Prompt = prompt.ToString(),
            LastUserText = lastUser,
            MaxTokens = (int?)body.Integer("max_output_tokens"),
            Json = format.Text("type") is "json_object" or "json_schema",
            Schema = format.Member("schema"),
            Tools = body.Text("tool_choice") == "none" ? [] : Tools(body, forced),
            ToolRequired = forced is not null || body.Text("tool_choice") == "required",
        };
    }

    /// <summary>The namespace of each tool that has one, by the tool's name.</summary>
    public static IReadOnlyDictionary<string, string> Namespaces(JsonElement body)
    {
        Dictionary<string, string> namespaces = new(StringComparer.Ordinal);
        foreach (var space in body.Items("tools").Where(tool => tool.Text("type") == "namespace"))
        {
            foreach (var name in space.Items("tools").Select(tool => tool.Text("name")).OfType<string>())
            {
                namespaces.TryAdd(name, space.Text("name") ?? "");
            }
        }

        return namespaces;
    }

    private static List<(string Name, JsonElement Parameters)> Tools(JsonElement body, string? forced)
    {
        List<(string Name, JsonElement Parameters)> tools = [];
        foreach (var tool in body.Items("tools").SelectMany(Functions))
        {
            if (tool.Text("type") == "function" && tool.Text("name") is { } name && (forced is null || forced == name))
            {
                tools.Add((name, tool.Member("parameters") ?? default));
            }
        }

        return tools;
    }

    private static IEnumerable<JsonElement> Functions(JsonElement tool) =>
        tool.Text("type") == "namespace" ? tool.Items("tools") : [tool];
}
