using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.Ollama;

/// <summary>Ollama's API: chat, generate and embeddings. Models are only read: what a host has is its owner's business.</summary>
internal sealed class OllamaDoor(Work work, ModelCatalog models, GatewayOptions options, TimeProvider time)
{
    /// <summary>Adds the door's parts.</summary>
    public static void Add(IServiceCollection services) =>
        services.AddSingleton<OllamaDoor>().AddSingleton<OllamaModels>().AddSingleton<Dialect, OllamaDialect>();

    /// <summary>Adds the door's routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var door = routes.ServiceProvider.GetRequiredService<OllamaDoor>();
        routes.MapPost("/api/chat", door.ChatAsync);
        routes.MapPost("/api/generate", door.GenerateAsync);
        routes.MapPost("/api/embed", door.EmbedAsync);
        routes.MapPost("/api/embeddings", door.EmbedOneAsync);
        routes.ServiceProvider.GetRequiredService<OllamaModels>().Map(routes);
    }

    private async Task ChatAsync(HttpContext http)
    {
        var ask = OllamaRequest.ReadChat(await RequestBody.ReadAsync(http), options);
        await AnswerAsync(http, ask, OllamaForm.Chat, Kinds.Chat);
    }

    private async Task GenerateAsync(HttpContext http)
    {
        var ask = OllamaRequest.ReadGenerate(await RequestBody.ReadAsync(http));
        await AnswerAsync(http, ask, OllamaForm.Generate, Kinds.Completion);
    }

    private async Task AnswerAsync(HttpContext http, OllamaAsk ask, OllamaForm form, string kind)
    {
        if (ask.LoadReason is { } reason)
        {
            await models.ResolveAsync(kind, ask.Model, http.RequestAborted);
            await WriteLoadedAsync(http, ask.Model, form, reason);
            return;
        }

        var task = await work.SubmitAsync(
            http,
            new WorkRequest(
                kind,
                ask.Model,
                ask.Body,
                ask.Stream,
                Tools: ask.Tools,
                Continuations: ask.Continuations,
                Prefixes: ask.Prefixes
            )
        );
        if (ask.Stream)
        {
            await new OllamaStream(work, options, form, ask.Model, time).RunAsync(http, task);
        }
        else if (await work.IsLateAsync(http, task))
        {
            await Receipt.WriteAsync(http, task);
        }
        else
        {
            var result = await work.ResultAsync(http, task);
            await JsonReply.WriteAsync(
                http,
                (form, ask.Model, task.Row, result),
                static (json, it) => OllamaReply.WriteWhole(json, it.form, it.Model, it.Row, it.result)
            );
        }
    }

    /// <summary>A request without anything to say asks Ollama to load or unload; a gateway leaves that to the host.</summary>
    private Task WriteLoadedAsync(HttpContext http, string model, OllamaForm form, string reason) =>
        JsonReply.WriteAsync(
            http,
            (form, model, reason, Now: time.GetUtcNow()),
            static (json, it) =>
            {
                json.WriteStartObject();
                OllamaReply.WriteHead(json, it.model, it.Now);
                OllamaReply.WriteText(json, it.form, default, default);
                json.WriteBoolean("done"u8, true);
                json.WriteString("done_reason"u8, it.reason);
                json.WriteEndObject();
            }
        );

    private async Task EmbedAsync(HttpContext http)
    {
        var (ask, task, result) = await RunEmbeddingAsync(http, "input");
        await JsonReply.WriteAsync(
            http,
            (ask.Model, task.Row, result),
            static (json, it) =>
            {
                using var parsed = JsonDocument.Parse(it.result);
                json.WriteStartObject();
                json.WriteString("model"u8, it.Model);
                json.WriteStartArray("embeddings"u8);
                foreach (var vector in OllamaReply.VectorsOf(parsed.RootElement))
                {
                    vector.WriteTo(json);
                }

                json.WriteEndArray();
                json.WriteNumber("total_duration"u8, OllamaReply.Nanoseconds(it.Row.EndedAt - it.Row.CreatedAt));
                json.WriteNumber("load_duration"u8, 0);
                json.WriteNumber("prompt_eval_count"u8, OllamaReply.TokensOf(parsed.RootElement, "prompt_tokens"u8));
                json.WriteEndObject();
            }
        );
    }

    private async Task EmbedOneAsync(HttpContext http)
    {
        var (_, _, result) = await RunEmbeddingAsync(http, "prompt");
        await JsonReply.WriteAsync(
            http,
            result,
            static (json, bytes) =>
            {
                using var parsed = JsonDocument.Parse(bytes);
                json.WriteStartObject();
                json.WriteStartArray("embedding"u8);
                foreach (var vector in OllamaReply.VectorsOf(parsed.RootElement).Take(1))
                {
                    foreach (var number in vector.EnumerateArray())
                    {
                        number.WriteTo(json);
                    }
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }
        );
    }

    private async Task<(OllamaAsk Ask, TaskHandle Task, ReadOnlyMemory<byte> Result)> RunEmbeddingAsync(
        HttpContext http,
        string subject
    )
    {
        var ask = OllamaRequest.ReadEmbedding(await RequestBody.ReadAsync(http), subject);
        var task = await work.SubmitAsync(http, new WorkRequest(Kinds.Embedding, ask.Model, ask.Body, Stream: false));
        return (ask, task, await work.ResultAsync(http, task));
    }
}
