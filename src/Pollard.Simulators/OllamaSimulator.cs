using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Pollard.Simulators;

/// <summary>Stands in for Ollama on the wire.</summary>
public sealed class OllamaSimulator : ISimulatedApi
{
    /// <summary>The version of Ollama that it resembles, and what it really is.</summary>
    public const string Version = "0.33.0-simulator";

    private readonly SimulatorOptions _options;
    private readonly ConcurrentDictionary<string, Task> _loads = new(StringComparer.Ordinal);

    private OllamaSimulator(SimulatorOptions options) => _options = options;

    /// <summary>Starts to answer at a URL; port 0 takes a free one.</summary>
    public static Task<RunningSimulator> StartAsync(
        string url,
        SimulatorOptions options,
        CancellationToken cancellationToken
    ) => SimulatorServer.StartAsync(url, options, new OllamaSimulator(options), cancellationToken);

    bool ISimulatedApi.IsWork(string path) =>
        path is "/api/chat" or "/api/generate" or "/api/embed" or "/api/embeddings";

    async Task ISimulatedApi.RefuseAsync(HttpContext http, int status, string message, CancellationToken ct)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json; charset=utf-8";
        OllamaDialect.WriteError(http.Response.BodyWriter, message);
        await http.Response.BodyWriter.FlushAsync(ct);
    }

    async Task<bool> ISimulatedApi.AnswerAsync(SimulatedRequest request, CancellationToken ct)
    {
        var http = request.Http;
        switch (http.Request.Method, http.Request.Path.Value)
        {
            case ("HEAD" or "GET", "/"):
                http.Response.ContentType = "text/plain; charset=utf-8";
                await http.Response.WriteAsync(
                    HttpMethods.IsHead(http.Request.Method) ? "" : "Ollama is running (simulator)",
                    ct
                );
                return true;
            case ("GET", "/api/version"):
                return await JsonAsync(http, json => json.WriteString("version", Version), ct);
            case ("GET" or "HEAD", "/api/tags"):
                return await JsonAsync(http, json => OllamaCatalogue.Tags(json, _options), ct);
            case ("GET", "/api/ps"):
                return await JsonAsync(http, json => OllamaCatalogue.Loaded(json, _options, IsLoaded), ct);
            case ("POST", "/api/show" or "/api/chat" or "/api/generate" or "/api/embed" or "/api/embeddings"):
                return await ModelCallAsync(request, ct);
            default:
                http.Response.StatusCode = StatusCodes.Status404NotFound;
                await http.Response.WriteAsync("404 page not found", ct);
                return false;
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
            var name = body.Text("model") ?? body.Text("name") ?? "";
            if (name.Length == 0)
            {
                return await RefuseAsync(request.Http, 400, "model is required", ct);
            }

            if (_options.Models.FirstOrDefault(m => m.Answers(name)) is not { } model)
            {
                return await RefuseAsync(request.Http, 404, $"model '{name}' not found", ct);
            }

            if (request.Http.Request.Path != "/api/show")
            {
                await _loads
                    .GetOrAdd(model.Name, _ => Task.Delay(_options.LoadTime, _options.Time, CancellationToken.None))
                    .WaitAsync(ct);
            }

            return request.Http.Request.Path.Value switch
            {
                "/api/show" => await JsonAsync(request.Http, json => OllamaCatalogue.Show(json, model), ct),
                "/api/chat" => await ChatAsync(request, body, name, ct),
                "/api/generate" => await GenerateAsync(request, body, name, ct),
                _ => await EmbedAsync(request, body, name, ct),
            };
        }
    }

    private bool IsLoaded(SimulatedModel model) =>
        _options.LoadTime == TimeSpan.Zero
        || (_loads.TryGetValue(model.Name, out var load) && load.IsCompletedSuccessfully);

    private Task<bool> ChatAsync(SimulatedRequest request, JsonElement body, string model, CancellationToken ct)
    {
        var (prompt, lastUser, prefill) = body.Conversation();
        var asked = Asked(body, model, prompt) with
        {
            LastUserText = lastUser,
            Prefill = prefill,
            Tools = body.Tools(),
        };
        return ReplyAsync(request, body, asked, chat: true, ct);
    }

    private Task<bool> GenerateAsync(SimulatedRequest request, JsonElement body, string model, CancellationToken ct)
    {
        var prompt = $"{body.Text("system")}\n{body.Text("prompt")}\n{body.Text("suffix")}";
        return ReplyAsync(request, body, Asked(body, model, prompt), chat: false, ct);
    }

    private Task<bool> ReplyAsync(
        SimulatedRequest request,
        JsonElement body,
        ReplyRequest asked,
        bool chat,
        CancellationToken ct
    ) =>
        request.ReplyAsync(
            new OllamaDialect(asked.Model, chat, _options.Time),
            [Reply.To(asked, _options)],
            body.Is("stream", otherwise: true),
            _options,
            ct
        );

    private async Task<bool> EmbedAsync(SimulatedRequest request, JsonElement body, string model, CancellationToken ct)
    {
        if (request.Fault is not null)
        {
            return await request.ReplyAsync(
                new OllamaDialect(model, chat: false, _options.Time),
                [Reply.To(new() { Model = model, Prompt = "" }, _options)],
                stream: false,
                _options,
                ct
            );
        }

        var several = request.Http.Request.Path == "/api/embed";
        var inputs = body.Strings(several ? "input" : "prompt");
        var dimensions = (int)(body.Integer("dimensions") ?? _options.EmbeddingDimensions);
        var vectors = inputs.Select(input =>
            TextGenerator.UnitVector(TextGenerator.Seed(model, input, _options.Seed), dimensions)
        );
        return await JsonAsync(
            request.Http,
            json =>
            {
                if (several)
                {
                    OllamaDialect.WriteEmbeddings(json, model, [.. vectors], inputs);
                }
                else
                {
                    OllamaDialect.WriteVector(json, "embedding", vectors.FirstOrDefault() ?? []);
                }
            },
            ct
        );
    }

    private static ReplyRequest Asked(JsonElement body, string model, string prompt)
    {
        var options = body.Member("options") ?? default;
        var format = body.Member("format");
        return new()
        {
            Model = model,
            Prompt = prompt,
            Seed = options.Integer("seed") ?? 0,
            MaxTokens = options.Integer("num_predict") is { } limit and >= 0 ? (int)limit : null,
            Stop = options.Strings("stop"),
            Thinks = body.Is("think") || body.Text("think") is not null,
            Json = format is { ValueKind: JsonValueKind.Object } || body.Text("format") == "json",
            Schema = format is { ValueKind: JsonValueKind.Object } ? format : null,
        };
    }

    private async Task<bool> RefuseAsync(HttpContext http, int status, string message, CancellationToken ct)
    {
        await ((ISimulatedApi)this).RefuseAsync(http, status, message, ct);
        return false;
    }

    private static async Task<bool> JsonAsync(HttpContext http, Action<Utf8JsonWriter> write, CancellationToken ct)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        OllamaDialect.WriteObject(http.Response.BodyWriter, write);
        await http.Response.BodyWriter.FlushAsync(ct);
        return true;
    }
}
