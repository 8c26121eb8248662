using System.Text.Json;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>A model as an Andy host names it, with what it says of it.</summary>
/// <param name="Info">What the pool knows of it. Its name is what the host wants to hear again, to the letter.</param>
/// <param name="Slots">Work on it at the same time; null when the host does not say.</param>
internal sealed record AndyModel(ModelInfo Info, int? Slots);

/// <summary>
/// Reads lists of models: names, or objects whose members differ from generation to generation. What cannot be used is left out;
/// a list never fails.
/// </summary>
internal static class AndyModels
{
    private const string Engine = "andy";

    /// <summary>The models of <c>models</c>; null when there is no such list.</summary>
    /// <param name="from">The object with the list.</param>
    /// <param name="abilities">What the host says that it can do, whichever model: <c>embedding</c>, <c>vision</c>.</param>
    public static IReadOnlyList<AndyModel>? Read(JsonElement from, IReadOnlyCollection<string> abilities)
    {
        if (from.Member("models") is not { ValueKind: JsonValueKind.Array } list)
        {
            return null;
        }

        var models = new Dictionary<string, AndyModel>(StringComparer.Ordinal);
        foreach (var item in list.EnumerateArray())
        {
            if (models.Count == LinkLimits.Models)
            {
                break;
            }

            if (
                Read(item, abilities, out var model)
                && item.Flag("enabled") != false
                && item.Flag("is_available") != false
            )
            {
                models.TryAdd(model.Info.Name, model);
            }
        }

        return [.. models.Values];
    }

    private static bool Read(
        JsonElement item,
        IReadOnlyCollection<string> abilities,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out AndyModel? model
    )
    {
        var name = item.ValueKind == JsonValueKind.String ? item.GetString() : item.Text("name") ?? item.Text("model");
        model = LinkLimits.IsModelName(name) ? new AndyModel(Describe(name!, item, abilities), SlotsOf(item)) : null;
        return model is not null;
    }

    private static ModelInfo Describe(string name, JsonElement item, IReadOnlyCollection<string> abilities)
    {
        var details = item.Object("details") ?? default;
        return new ModelInfo
        {
            Name = name,
            Kinds =
                item.Flag("supports_embedding") ?? abilities.Contains("embedding", StringComparer.Ordinal)
                    ? ["chat", "embedding"]
                    : ["chat"],
            Capabilities = item.Flag("supports_vision") switch
            {
                true => ["vision"],
                false => [],
                null when abilities.Contains("vision", StringComparer.Ordinal) => ["vision"],
                null => null,
            },
            Engine = Engine,
            Quantization = details.Word("quantization_level") ?? item.Word("quantization"),
            ParameterSize = details.Word("parameter_size"),
            Family = details.Word("family"),
            SizeBytes = item.Number("size") is > 0 and var size ? size : null,
            Context = item.Number("context_length") is > 0 and <= int.MaxValue and var context ? (int)context : null,
            ModifiedAt = DateTimeOffset.TryParse(
                item.Text("modified_at"),
                System.Globalization.CultureInfo.InvariantCulture,
                out var at
            )
                ? at
                : null,
        };
    }

    private static int? SlotsOf(JsonElement item) =>
        (item.Number("max_concurrent") ?? item.Number("concurrent_connections")) is > 0 and var slots
            ? (int)Math.Min(slots, AndyLimits.Slots)
            : null;
}
