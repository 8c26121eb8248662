using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Pollard.Simulators;

/// <summary>Stands in for Anthropic's messages API on the wire.</summary>
public sealed class AnthropicSimulator : ISimulatedApi
{
    private readonly SimulatorOptions _options;

    private AnthropicSimulator(SimulatorOptions options) => _options = options;

    /// <summary>Starts to answer at a URL; port 0 takes a free one.</summary>
    public static Task<RunningSimulator> StartAsync(
        string url,
        SimulatorOptions options,
        CancellationToken cancellationToken
    ) => SimulatorServer.StartAsync(url, options, new AnthropicSimulator(options), cancellationToken);

    bool ISimulatedApi.IsWork(string path) => path is "/v1/messages";

    Task ISimulatedApi.RefuseAsync(HttpContext http, int status, string message, CancellationToken ct) =>
        RefuseAsync(http, status, message, ct);

    async Task<bool> ISimulatedApi.AnswerAsync(SimulatedRequest request, CancellationToken ct)
    {
        var http = request.Http;
        switch (http.Request.Method, http.Request.Path.Value)
        {
            case ("HEAD" or "GET", "/"):
                return true; // Clients look whether somebody is there.
            case ("POST", "/v1/messages" or "/v1/messages/count_tokens"):
                return await ModelCallAsync(request, ct);
            default:
                return await RefuseAsync(http, 404, "no such path on the simulator", ct);
        }
    }

    private async Task<bool> ModelCallAsync(SimulatedRequest request, CancellationToken ct)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(request.Body);
        }
        catch (JsonException e)
        {
            return await RefuseAsync(request.Http, 400, e.Message, ct);
        }

        using (document)
        {
            var body = document.RootElement;
            var model = body.Text("model") ?? "";
            if (!_options.Models.Any(m => m.Answers(model)))
            {
                return await RefuseAsync(request.Http, 404, $"model: {model}", ct);
            }

            var asked = Asked(body, model);
            if (request.Http.Request.Path.Value == "/v1/messages/count_tokens")
            {
                return await JsonAsync(
                    request.Http,
                    json => json.WriteNumber("input_tokens", TextGenerator.Count(asked.Prompt)),
                    ct
                );
            }

            AnthropicDialect dialect = new(model, _options.Time);
            return await request.ReplyAsync(dialect, [Reply.To(asked, _options)], body.Is("stream"), _options, ct);
        }
    }

    private static ReplyRequest Asked(JsonElement body, string model)
    {
        StringBuilder prompt = new(TextOf(body, "system"));
        var lastUser = "";
        foreach (var message in body.Items("messages"))
        {
            var role = message.Text("role") ?? "user";
            prompt.Append(role).Append(": ").Append(TextOf(message, "content")).Append('\n');
            lastUser = role == "user" ? LastTextOf(message) : lastUser;
        }

        var choice = body.Member("tool_choice") ?? default;
        List<(string Name, JsonElement Parameters)> tools = [];
        foreach (var tool in body.Items("tools"))
        {
            if (tool.Text("name") is { } name && (choice.Text("name") is not { } forced || forced == name))
            {
                tools.Add((name, tool.Member("input_schema") ?? default));
            }
        }

        return new()
        {
            Model = model,
            Prompt = prompt.ToString(),
            LastUserText = lastUser,
            MaxTokens = (int?)body.Integer("max_tokens"),
            Stop = body.Strings("stop_sequences"),
            Thinks = (body.Member("thinking") ?? default).Text("type") == "enabled",
            Tools = choice.Text("type") == "none" ? [] : tools,
            ToolRequired = choice.Text("type") is "any" or "tool",
        };
    }

    private static string TextOf(JsonElement json, string member)
    {
        if (json.Member(member) is not { ValueKind: JsonValueKind.Array } blocks)
        {
            return json.Text(member) ?? "";
        }

        return string.Join('\n', blocks.EnumerateArray().Select(block => block.Text("text") ?? block.GetRawText()));
    }

    /// <summary>The last block of text: programs put what they add themselves before it. None behind a tool's answer.</summary>
    private static string LastTextOf(JsonElement message) =>
        message.Items("content").Any(block => block.Text("type") == "tool_result")
            ? ""
            : message.Text("content")
                ?? message.Items("content").LastOrDefault(block => block.Text("type") == "text").Text("text")
                ?? "";

    private static async Task<bool> RefuseAsync(HttpContext http, int status, string message, CancellationToken ct)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        var type = status switch
        {
            401 => "authentication_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            529 => "overloaded_error",
            >= 500 => "api_error",
            _ => "invalid_request_error",
        };
        AnthropicDialect.WriteError(http.Response.BodyWriter, message, type);
        await http.Response.BodyWriter.FlushAsync(ct);
        return false;
    }

    private static async Task<bool> JsonAsync(HttpContext http, Action<Utf8JsonWriter> write, CancellationToken ct)
    {
        http.Response.ContentType = "application/json";
        OllamaDialect.WriteObject(http.Response.BodyWriter, write);
        await http.Response.BodyWriter.FlushAsync(ct);
        return true;
    }
}
