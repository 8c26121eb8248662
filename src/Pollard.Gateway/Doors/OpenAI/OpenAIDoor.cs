using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Doors.OpenAI.Polling;
using Pollard.Gateway.Http;
using Pollard.Gateway.Requests;
using Pollard.Protocol;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.OpenAI;

/// <summary>OpenAI's API: models, chat completions, completions, embeddings.</summary>
internal sealed class OpenAIDoor(
    Work work,
    TaskEngine engine,
    ModelCatalog models,
    PollingChat polling,
    GatewayOptions options
)
{
    /// <summary>Adds the door's parts.</summary>
    public static void Add(IServiceCollection services) =>
        services
            .AddSingleton<OpenAIDoor>()
            .AddSingleton<PollingChat>()
            .AddSingleton<PollingEndpoints>()
            .AddSingleton<Dialect, OpenAIDialect>();

    /// <summary>Adds the door's routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var door = routes.ServiceProvider.GetRequiredService<OpenAIDoor>();
        routes.MapGet("/v1/models", door.ListModelsAsync).ForViewers();
        routes.MapGet("/v1/models/{**id}", door.ShowModelAsync).ForViewers();
        routes.MapPost("/v1/completions", door.CompleteAsync);
        MapAnswers(routes);
        PollingEndpoints.Map(routes);
    }

    /// <summary>Adds the routes that other APIs have as well, below a prefix of theirs.</summary>
    public static void MapAnswers(IEndpointRouteBuilder routes)
    {
        var door = routes.ServiceProvider.GetRequiredService<OpenAIDoor>();
        routes.MapPost("/v1/chat/completions", door.ChatAsync);
        routes.MapPost("/v1/embeddings", door.EmbedAsync);
    }

    private async Task ChatAsync(HttpContext http)
    {
        if (DoorPorts.IsClaudeProxy(http))
        {
            await polling.AnswerAsync(http, await RequestBody.ReadAsync(http));
            return;
        }

        await AnswerAsync(http, RequestShape.Chat, Kinds.Chat);
    }

    private Task CompleteAsync(HttpContext http) => AnswerAsync(http, RequestShape.Completion, Kinds.Completion);

    private async Task AnswerAsync(HttpContext http, RequestShape shape, string kind)
    {
        // hot: every chat request; guarded by the chat benchmark.
        var body = await RequestBody.ReadAsync(http);
        var facts = RequestScanner.Scan(body, shape, options);
        if (facts.PollingMode is not null)
        {
            await polling.AnswerAsync(http, body);
            return;
        }

        var task = await SubmitAsync(http, facts, kind, body);
        if (facts.Stream)
        {
            var form = shape == RequestShape.Chat ? StreamForm.Chat : StreamForm.Completion;
            var created = task.Row.CreatedAt.ToUnixTimeSeconds();
            var id = engine.Ids.Format(task.Row.Id, form.IdPrefix);
            await new OpenAIStream(work, options, form, id, created, facts).RunAsync(http, task);
        }
        else if (await work.IsLateAsync(http, task))
        {
            await Receipt.WriteAsync(http, task);
        }
        else
        {
            await JsonReply.WriteAsync(http, await work.ResultAsync(http, task));
        }
    }

    private async Task EmbedAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        var facts = RequestScanner.Scan(body, RequestShape.Embedding, options);
        facts.Stream = false;
        var task = await SubmitAsync(http, facts, Kinds.Embedding, body);
        if (await work.IsLateAsync(http, task))
        {
            await Receipt.WriteAsync(http, task);
            return;
        }

        var result = await work.ResultAsync(http, task);
        await JsonReply.WriteAsync(http, facts.Base64 ? EmbeddingEncoding.ToBase64(result) : result);
    }

    private ValueTask<TaskHandle> SubmitAsync(HttpContext http, in RequestFacts facts, string kind, byte[] body) =>
        facts.Model is { } model
            ? work.SubmitAsync(
                http,
                new WorkRequest(
                    kind,
                    model,
                    body,
                    facts.Stream,
                    facts.Store,
                    facts.Tools,
                    facts.Continuations,
                    facts.Prefixes
                )
            )
            : throw new RejectedException(DoorError.BadRequest("\"model\" is missing", "model", "missing_member"));

    private Task ListModelsAsync(HttpContext http) =>
        JsonReply.WriteAsync(
            http,
            models.List(),
            static (json, list) =>
            {
                json.WriteStartObject();
                json.WriteString("object"u8, "list"u8);
                json.WriteStartArray("data"u8);
                foreach (var model in list)
                {
                    WriteModel(json, model);
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }
        );

    private Task ShowModelAsync(HttpContext http)
    {
        var id = (string?)http.Request.RouteValues["id"] ?? "";
        return models.Describe(id) is { } model
            ? JsonReply.WriteAsync(http, model, WriteModel)
            : throw new RejectedException(models.Unknown(Kinds.Chat, id));
    }

    private static void WriteModel(Utf8JsonWriter json, ModelInfo model)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, model.Name);
        json.WriteString("object"u8, "model"u8);
        json.WriteNumber("created"u8, model.ModifiedAt?.ToUnixTimeSeconds() ?? 0);
        json.WriteString("owned_by"u8, model.Engine ?? "pollard");
        json.WriteEndObject();
    }
}
