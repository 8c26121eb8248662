using System.Globalization;
using System.Text.Json;

namespace Pollard.Simulators;

/// <summary>How the Ollama simulator describes its models; each description says that it is one.</summary>
internal static class OllamaCatalogue
{
    private const long SizeBytes = 1_048_576;

    public static void Tags(Utf8JsonWriter json, SimulatorOptions options)
    {
        json.WriteStartArray("models");
        foreach (var model in options.Models.Where(model => model.Name != "*"))
        {
            json.WriteStartObject();
            WriteHead(json, model);
            json.WriteString("modified_at", "2026-01-01T00:00:00Z");
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public static void Loaded(Utf8JsonWriter json, SimulatorOptions options, Func<SimulatedModel, bool> isLoaded)
    {
        json.WriteStartArray("models");
        foreach (var model in options.Models.Where(model => model.Name != "*" && isLoaded(model)))
        {
            json.WriteStartObject();
            WriteHead(json, model);
            json.WriteString("expires_at", options.Time.GetUtcNow().AddMinutes(5));
            json.WriteNumber("size_vram", SizeBytes);
            json.WriteNumber("context_length", model.Context);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public static void Show(Utf8JsonWriter json, SimulatedModel model)
    {
        json.WriteString("license", "A simulator of Pollard, not a model.");
        json.WriteString("template", "{{ .Prompt }}");
        WriteDetails(json);
        json.WriteStartObject("model_info");
        json.WriteString("general.architecture", "simulator");
        json.WriteNumber("simulator.context_length", model.Context);
        json.WriteEndObject();
        json.WriteStartArray("capabilities");
        foreach (var capability in model.Capabilities)
        {
            json.WriteStringValue(capability);
        }

        json.WriteEndArray();
        json.WriteString("modified_at", "2026-01-01T00:00:00Z");
    }

    private static void WriteHead(Utf8JsonWriter json, SimulatedModel model)
    {
        json.WriteString("name", model.Name);
        json.WriteString("model", model.Name);
        json.WriteNumber("size", SizeBytes);
        var seed = TextGenerator.Seed(model.Name, "", 0).ToString("x16", CultureInfo.InvariantCulture);
        json.WriteString("digest", seed + seed + seed + seed);
        WriteDetails(json);
    }

    private static void WriteDetails(Utf8JsonWriter json)
    {
        json.WriteStartObject("details");
        json.WriteString("parent_model", "");
        json.WriteString("format", "simulator");
        json.WriteString("family", "simulator");
        json.WriteStartArray("families");
        json.WriteStringValue("simulator");
        json.WriteEndArray();
        json.WriteString("parameter_size", "0B");
        json.WriteString("quantization_level", "none");
        json.WriteEndObject();
    }
}
