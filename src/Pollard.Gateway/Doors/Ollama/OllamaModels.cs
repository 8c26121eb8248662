using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol;

namespace Pollard.Gateway.Doors.Ollama;

/// <summary>What Ollama's API tells of models, from what hosts tell of them; and its version.</summary>
internal sealed class OllamaModels(ModelCatalog models, TimeProvider time)
{
    private const string Version = "0.12.6"; // The version of Ollama whose API this is: clients compare it.
    private static readonly string[] Head = [HttpMethods.Get, HttpMethods.Head];
    private static readonly TimeSpan Loaded = TimeSpan.FromMinutes(5);

    /// <summary>Adds the routes.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/", Head, RootAsync).WithMetadata(OpenToAll.Mark);
        routes.MapMethods("/api/version", Head, ShowVersionAsync).WithMetadata(OpenToAll.Mark);
        routes.MapMethods("/api/tags", Head, ListAsync);
        routes.MapGet("/api/ps", ListLoadedAsync);
        routes.MapPost("/api/show", ShowAsync);
        foreach (
            var path in (string[])
                ["/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs/{digest}"]
        )
        {
            routes.Map(path, RefuseAsync);
        }
    }

    private static async Task RootAsync(HttpContext http)
    {
        http.Response.ContentType = "text/plain; charset=utf-8";
        await http.Response.BodyWriter.WriteAsync("Ollama is running"u8.ToArray(), http.RequestAborted);
    }

    private static Task ShowVersionAsync(HttpContext http) =>
        JsonReply.WriteAsync(
            http,
            Version,
            static (json, version) =>
            {
                json.WriteStartObject();
                json.WriteString("version"u8, version);
                json.WriteEndObject();
            }
        );

    private static Task RefuseAsync(HttpContext http) =>
        throw new RejectedException(
            new DoorError(
                501,
                "not_here",
                "models are not changed through the gateway; do it on the machine that has them"
            )
        );

    private Task ListAsync(HttpContext http) =>
        WriteListAsync(
            http,
            models.List(),
            static (json, model, _) =>
            {
                WriteNames(json, model);
                json.WriteString("modified_at"u8, TimeOf(model.ModifiedAt ?? DateTimeOffset.UnixEpoch));
                json.WriteNumber("size"u8, model.SizeBytes ?? 0);
                json.WriteString("digest"u8, model.Digest ?? "");
                WriteDetails(json, model);
            }
        );

    private Task ListLoadedAsync(HttpContext http) =>
        WriteListAsync(
            http,
            models.List().Where(model => model.Loaded == true),
            static (json, model, now) =>
            {
                WriteNames(json, model);
                json.WriteNumber("size"u8, model.SizeBytes ?? 0);
                json.WriteString("digest"u8, model.Digest ?? "");
                WriteDetails(json, model);
                json.WriteString("expires_at"u8, TimeOf(now + Loaded));
                json.WriteNumber("size_vram"u8, model.SizeBytes ?? 0);
                json.WriteNumber("context_length"u8, model.Context ?? 0);
            }
        );

    private async Task ShowAsync(HttpContext http)
    {
        var name = OllamaRequest.ReadModel(await RequestBody.ReadAsync(http));
        var model = models.Describe(name) ?? throw new RejectedException(models.Unknown(Kinds.Chat, name));
        await JsonReply.WriteAsync(http, model, WriteModel);
    }

    private Task WriteListAsync(
        HttpContext http,
        IEnumerable<ModelInfo> list,
        Action<Utf8JsonWriter, ModelInfo, DateTimeOffset> write
    ) =>
        JsonReply.WriteAsync(
            http,
            (list, write, Now: time.GetUtcNow()),
            static (json, it) =>
            {
                json.WriteStartObject();
                json.WriteStartArray("models"u8);
                foreach (var model in it.list)
                {
                    json.WriteStartObject();
                    it.write(json, model, it.Now);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }
        );

    private static void WriteModel(Utf8JsonWriter json, ModelInfo model)
    {
        var family = model.Family ?? "unknown";
        json.WriteStartObject();
        json.WriteString("modelfile"u8, ""u8);
        json.WriteString("parameters"u8, ""u8);
        json.WriteString("template"u8, ""u8);
        WriteDetails(json, model);
        json.WriteStartObject("model_info"u8);
        json.WriteString("general.architecture"u8, family);
        if (model.Context is { } context)
        {
            json.WriteNumber($"{family}.context_length", context);
        }

        json.WriteEndObject();
        json.WriteStartArray("capabilities"u8);
        foreach (
            var capability in (model.Kinds ?? [Kinds.Completion]).Union(
                model.Capabilities ?? [],
                StringComparer.Ordinal
            )
        )
        {
            // Ollama's word for both kinds is "completion"; how hosts stand in for each other is not the client's concern.
            if (capability is not (Kinds.Chat or ModelInfo.Prefill or ModelInfo.Replay or ModelInfo.Resume))
            {
                json.WriteStringValue(capability);
            }
        }

        json.WriteEndArray();
        json.WriteString("modified_at"u8, TimeOf(model.ModifiedAt ?? DateTimeOffset.UnixEpoch));
        json.WriteEndObject();
    }

    private static void WriteNames(Utf8JsonWriter json, ModelInfo model)
    {
        json.WriteString("name"u8, model.Name);
        json.WriteString("model"u8, model.Name);
    }

    private static void WriteDetails(Utf8JsonWriter json, ModelInfo model)
    {
        json.WriteStartObject("details"u8);
        json.WriteString("parent_model"u8, ""u8);
        json.WriteString("format"u8, model.Engine == "ollama" ? "gguf" : "");
        json.WriteString("family"u8, model.Family ?? "");
        json.WriteStartArray("families"u8);
        if (model.Family is { } family)
        {
            json.WriteStringValue(family);
        }

        json.WriteEndArray();
        json.WriteString("parameter_size"u8, model.ParameterSize ?? "");
        json.WriteString("quantization_level"u8, model.Quantization ?? "");
        json.WriteEndObject();
    }

    private static string TimeOf(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
