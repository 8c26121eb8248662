using System.Text.Json;
using Pollard.Agent.Backends.Ollama;
using Pollard.Protocol;

namespace Pollard.Agent.Sources.Andy;

/// <summary>What this machine says of itself: to each generation of servers under the names that it looks for.</summary>
internal static class AndyProfile
{
    private const int UsualContext = 4096;

    // Every client sends where its own Ollama is, and some servers want to read something. Ours is nobody's business.
    private const string Endpoint = "http://localhost:11434";

    /// <summary>A join: the members stand at the top, as the first servers read them, and in <c>info</c>, as the later ones do.</summary>
    public static ReadOnlyMemory<byte> Join(AgentOptions options, string uuid, IReadOnlyList<ModelInfo> models) =>
        OllamaRequest.Write(json =>
        {
            WriteMembers(json, options, uuid, models);
            json.WriteStartObject("info");
            WriteMembers(json, options, uuid, models);
            json.WriteEndObject();
            if (options.JoinToken is { } token)
            {
                json.WriteString("client_token", token);
            }
        });

    /// <summary>The models as <c>model_discovery</c> wants them: Ollama's list of tags.</summary>
    public static void WriteTags(Utf8JsonWriter json, IReadOnlyList<ModelInfo> models, int slots)
    {
        json.WriteStartArray("models");
        foreach (var model in models)
        {
            json.WriteStartObject();
            json.WriteString("name", model.Name);
            json.WriteString("model", model.Name);
            if (model.SizeBytes is { } size)
            {
                json.WriteNumber("size", size);
            }

            if (model.ModifiedAt is { } at)
            {
                json.WriteString("modified_at", at);
            }

            json.WriteStartObject("details");
            Word("family", model.Family);
            Word("parameter_size", model.ParameterSize);
            Word("quantization_level", model.Quantization);
            json.WriteEndObject();
            Word("quantization", model.Quantization);
            json.WriteBoolean("enabled", true);
            json.WriteBoolean("supports_embedding", Embeds(model));
            json.WriteBoolean("supports_vision", Sees(model));
            json.WriteBoolean("supports_audio", false);
            json.WriteNumber("max_concurrent", slots);
            json.WriteNumber("context_length", model.Context ?? UsualContext);
            json.WriteEndObject();
        }

        json.WriteEndArray();

        void Word(string name, string? value)
        {
            if (value is not null)
            {
                json.WriteString(name, value);
            }
        }
    }

    /// <summary>The models as a registration by WebSocket lists them.</summary>
    public static void WriteRegistered(
        Utf8JsonWriter json,
        AgentOptions options,
        IReadOnlyList<ModelInfo> models,
        string clientId
    )
    {
        foreach (var model in models)
        {
            json.WriteStartObject();
            json.WriteString("client_id", clientId);
            json.WriteString("provider", options.Name); // Whose they are, for people.
            json.WriteString("name", model.Name);
            json.WriteNumber("max_completion_tokens", model.Context ?? UsualContext);
            json.WriteNumber("concurrent_connections", options.Slots);
            json.WriteNumber("avg_tokens_per_second", 0); // Servers count for themselves.
            json.WriteNumber("latency", 0);
            json.WriteNumber("successful_responses", 0);
            json.WriteNumber("failed_responses", 0);
            json.WriteBoolean("supports_embedding", Embeds(model));
            json.WriteBoolean("supports_vision", Sees(model));
            json.WriteBoolean("fallback", false);
            json.WriteBoolean("is_available", true);
            json.WriteBoolean("is_server_model", false);
            json.WriteEndObject();
        }
    }

    private static void WriteMembers(
        Utf8JsonWriter json,
        AgentOptions options,
        string uuid,
        IReadOnlyList<ModelInfo> models
    )
    {
        json.WriteString("name", options.Name);
        json.WriteString("client_name", options.Name);
        json.WriteString("client_uuid", uuid);
        json.WriteString("url", Endpoint);
        json.WriteString("endpoint", Endpoint);
        json.WriteString("platform", options.Program);
        json.WriteNumber("max_clients", options.Slots);
        json.WriteStartArray("capabilities");
        json.WriteStringValue("text");
        if (models.Any(Embeds))
        {
            json.WriteStringValue("embedding");
        }

        if (models.Any(Sees))
        {
            json.WriteStringValue("vision");
        }

        json.WriteEndArray();
        WriteTags(json, models, options.Slots);
    }

    private static bool Embeds(ModelInfo model) => model.Kinds?.Contains("embedding", StringComparer.Ordinal) == true;

    private static bool Sees(ModelInfo model) => model.Capabilities?.Contains("vision", StringComparer.Ordinal) == true;
}
