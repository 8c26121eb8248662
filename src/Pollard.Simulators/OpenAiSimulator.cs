using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Pollard.Simulators;

/// <summary>Stands in for an OpenAI-compatible server on the wire.</summary>
public sealed class OpenAiSimulator : ISimulatedApi
{
    private const int MostChoices = 16;

    private readonly SimulatorOptions _options;

    private OpenAiSimulator(SimulatorOptions options) => _options = options;

    /// <summary>Starts to answer at a URL; port 0 takes a free one.</summary>
    public static Task<RunningSimulator> StartAsync(
        string url,
        SimulatorOptions options,
        CancellationToken cancellationToken
    ) => SimulatorServer.StartAsync(url, options, new OpenAiSimulator(options), cancellationToken);

    bool ISimulatedApi.IsWork(string path) =>
        path is "/v1/chat/completions" or "/v1/completions" or "/v1/embeddings" or "/v1/responses";

    async Task ISimulatedApi.RefuseAsync(HttpContext http, int status, string message, CancellationToken ct) =>
        await RefuseAsync(http, status, message, null, ct);

    async Task<bool> ISimulatedApi.AnswerAsync(SimulatedRequest request, CancellationToken ct)
    {
        var http = request.Http;
        switch (http.Request.Method, http.Request.Path.Value)
        {
            case ("GET", "/v1/models"):
                return await JsonAsync(http, WriteModels, ct);
            case ("POST", "/v1/chat/completions" or "/v1/completions" or "/v1/embeddings" or "/v1/responses"):
                return await ModelCallAsync(request, ct);
            default:
                return await RefuseAsync(http, 404, "no such path on the simulator", null, ct);
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
            return await RefuseAsync(request.Http, 400, e.Message, null, ct);
        }

        using (document)
        {
            var body = document.RootElement;
            var model = body.Text("model") ?? "";
            if (!_options.Models.Any(m => m.Answers(model)))
            {
                var message = $"The model `{model}` does not exist";
                return await RefuseAsync(request.Http, 404, message, "model_not_found", ct);
            }

            var choices = body.Integer("n") ?? 1;
            if (choices is < 1 or > MostChoices || body.Is("logprobs") || body.Integer("logprobs") > 0)
            {
                const string Message = "the simulator gives 1 to 16 choices and no logprobs";
                return await RefuseAsync(request.Http, 400, Message, "unsupported", ct);
            }

            return request.Http.Request.Path.Value switch
            {
                "/v1/embeddings" => await EmbedAsync(request, body, model, ct),
                "/v1/responses" => await RespondAsync(request, body, ResponsesRequest.Read(body, model), ct),
                "/v1/completions" => await ReplyAsync(request, body, Completion(body, model), false, ct),
                _ => await ReplyAsync(request, body, Chat(body, model), true, ct),
            };
        }
    }

    private Task<bool> ReplyAsync(
        SimulatedRequest request,
        JsonElement body,
        ReplyRequest asked,
        bool chat,
        CancellationToken ct
    )
    {
        var usage = (body.Member("stream_options") ?? default).Is("include_usage");
        List<Reply> replies = [];
        for (var choice = 0; choice < (body.Integer("n") ?? 1); choice++)
        {
            replies.Add(Reply.To(asked with { Seed = asked.Seed + choice }, _options));
        }

        OpenAiDialect dialect = new(asked.Model, chat, usage, _options.Time);
        return request.ReplyAsync(dialect, replies, body.Is("stream"), _options, ct);
    }

    private Task<bool> RespondAsync(
        SimulatedRequest request,
        JsonElement body,
        ReplyRequest asked,
        CancellationToken ct
    )
    {
        ResponsesDialect dialect = new(asked.Model, ResponsesRequest.Namespaces(body), _options.Time);
        return request.ReplyAsync(dialect, [Reply.To(asked, _options)], body.Is("stream"), _options, ct);
    }

    private async Task<bool> EmbedAsync(SimulatedRequest request, JsonElement body, string model, CancellationToken ct)
    {
        if (request.Fault is not null)
        {
            return await ReplyAsync(request, body, new() { Model = model, Prompt = "" }, false, ct);
        }

        var inputs = body.Strings("input");
        var dimensions = (int)(body.Integer("dimensions") ?? _options.EmbeddingDimensions);
        return await JsonAsync(
            request.Http,
            json =>
            {
                json.WriteString("object", "list");
                json.WriteStartArray("data");
                for (var i = 0; i < inputs.Count; i++)
                {
                    var seed = TextGenerator.Seed(model, inputs[i], _options.Seed);
                    var vector = TextGenerator.UnitVector(seed, dimensions);
                    WriteEmbedding(json, i, vector, body.Text("encoding_format") == "base64");
                }

                json.WriteEndArray();
                json.WriteString("model", model);
                json.WriteStartObject("usage");
                json.WriteNumber("prompt_tokens", inputs.Sum(TextGenerator.Count));
                json.WriteNumber("total_tokens", inputs.Sum(TextGenerator.Count));
                json.WriteEndObject();
            },
            ct
        );
    }

    private static void WriteEmbedding(Utf8JsonWriter json, int index, float[] vector, bool base64)
    {
        json.WriteStartObject();
        json.WriteString("object", "embedding");
        json.WriteNumber("index", index);
        if (base64)
        {
            json.WriteBase64String("embedding", MemoryMarshal.AsBytes<float>(vector));
        }
        else
        {
            OllamaDialect.WriteVector(json, "embedding", vector);
        }

        json.WriteEndObject();
    }

    private static ReplyRequest Chat(JsonElement body, string model)
    {
        var (prompt, lastUser, prefill) = body.Conversation();
        var format = body.Member("response_format") ?? default;
        var choice = body.Member("tool_choice") ?? default;
        var forced = (choice.Member("function") ?? default).Text("name");
        var tools = body.Text("tool_choice") == "none" ? [] : body.Tools();
        return Asked(body, model, prompt) with
        {
            LastUserText = lastUser,
            Prefill = prefill,
            Thinks = body.Text("reasoning_effort") is { } effort && effort != "none",
            Json = format.Text("type") is "json_object" or "json_schema",
            Schema = (format.Member("json_schema") ?? default).Member("schema"),
            Tools = forced is null ? tools : [.. tools.Where(tool => tool.Name == forced)],
            ToolRequired = forced is not null || body.Text("tool_choice") == "required",
        };
    }

    private static ReplyRequest Completion(JsonElement body, string model) =>
        Asked(body, model, string.Join('\n', body.Strings("prompt")));

    private static ReplyRequest Asked(JsonElement body, string model, string prompt) =>
        new()
        {
            Model = model,
            Prompt = prompt,
            Seed = body.Integer("seed") ?? 0,
            MaxTokens = (int?)(body.Integer("max_completion_tokens") ?? body.Integer("max_tokens")),
            Stop = body.Strings("stop"),
        };

    private void WriteModels(Utf8JsonWriter json)
    {
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (var model in _options.Models.Where(model => model.Name != "*"))
        {
            json.WriteStartObject();
            json.WriteString("id", model.Name);
            json.WriteString("object", "model");
            json.WriteNumber("created", 1_767_225_600);
            json.WriteString("owned_by", "simulator");
            json.WriteNumber("max_model_len", model.Context);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static async Task<bool> RefuseAsync(
        HttpContext http,
        int status,
        string message,
        string? code,
        CancellationToken ct
    )
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        var type = status switch
        {
            401 => "authentication_error",
            429 => "rate_limit_error",
            >= 500 => "server_error",
            _ => "invalid_request_error",
        };
        OpenAiDialect.WriteError(http.Response.BodyWriter, message, type, code);
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
