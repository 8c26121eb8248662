using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.Andy;

/// <summary>
/// The Andy API for those who ask: models and figures. Its chat and its embeddings are OpenAI's, which the gateway puts below the
/// same prefixes.
/// </summary>
internal sealed class AndyDoor(TaskEngine engine, ModelCatalog models)
{
    /// <summary>What stands before the paths: first, and in later versions.</summary>
    public static IReadOnlyList<string> Prefixes { get; } = ["/api/andy", "/api"];

    /// <summary>Adds the door's parts.</summary>
    public static void Add(IServiceCollection services) =>
        services.AddSingleton<AndyDoor>().AddSingleton<Dialect, AndyDialect>();

    /// <summary>Adds the door's routes, below one prefix.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var door = routes.ServiceProvider.GetRequiredService<AndyDoor>();
        routes.MapGet("/v1/models", door.ListAsync);
        routes.MapGet("/models", door.ListAsync);
        routes.MapGet("/admin/metrics", door.ShowFiguresAsync);
    }

    /// <summary>Some programs read <c>data[].id</c> from this, and later ones <c>models[].name</c>.</summary>
    private Task ListAsync(HttpContext http) =>
        JsonReply.WriteAsync(
            http,
            models.List().ToList(),
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
                json.WriteStartArray("models"u8);
                foreach (var model in list)
                {
                    json.WriteStartObject();
                    json.WriteString("name"u8, model.Name);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }
        );

    private Task ShowFiguresAsync(HttpContext http) =>
        JsonReply.WriteAsync(
            http,
            engine.Statistics,
            static (json, statistics) =>
            {
                json.WriteStartObject();
                json.WriteStartObject("system"u8);
                json.WriteNumber("queue_length"u8, statistics.Pending);
                json.WriteNumber("active_requests"u8, statistics.Running);
                json.WriteEndObject();
                json.WriteEndObject();
            }
        );

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
