using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>What is known of a model before work is sent to it. Unknown members are null.</summary>
/// <param name="Thinks">Whether it can think.</param>
/// <param name="LogProbabilities">Whether this Ollama tells log-probabilities.</param>
internal readonly record struct OllamaKnowledge(bool? Thinks, bool? LogProbabilities);

/// <summary>What an Ollama has; each model is looked at once, by its digest, so that asking again costs three small requests.</summary>
internal sealed class OllamaModels(BackendHttp http, HttpBackendOptions options, TimeProvider time, ILogger logger)
{
    private static readonly Version LogProbabilitiesSince = new(0, 12, 11);

    private readonly DiscoveryLog _log = new(logger, http.Address);
    private readonly ConcurrentDictionary<string, ModelInfo> _byDigest = new(StringComparer.Ordinal);
    private IReadOnlyList<ModelInfo> _last = [];
    private bool? _logProbabilities;

    /// <summary>A model of the last discovery; null when it had none of this name.</summary>
    public ModelInfo? Find(string model)
    {
        foreach (var known in _last)
        {
            if (known.Name == model)
            {
                return known;
            }
        }

        return null;
    }

    /// <summary>What is known of a model from the last discovery.</summary>
    public OllamaKnowledge Knowledge(string model) =>
        new(Find(model)?.Capabilities?.Contains("thinking", StringComparer.Ordinal), _logProbabilities);

    /// <summary>All models; none when the server cannot be reached.</summary>
    public async Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken ct)
    {
        using CancellationTokenSource limit = new(options.DiscoverWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            var models = await AskAsync(either.Token);
            _log.Reached(models.Count);
            return _last = models;
        }
        catch (Exception e) when (DiscoveryLog.IsExpected(e))
        {
            ct.ThrowIfCancellationRequested();
            _log.Missed(e);
            return [];
        }
    }

    private async Task<List<ModelInfo>> AskAsync(CancellationToken ct)
    {
        using var tags = await http.GetJsonAsync("/api/tags", ct);
        _logProbabilities = await TellsLogProbabilitiesAsync(ct);
        var loaded = await LoadedAsync(ct);
        List<ModelInfo> models = [];
        foreach (var tag in tags.RootElement.Items("models"))
        {
            var name = tag.Text("name") ?? tag.Text("model");
            if (!LinkLimits.IsModelName(name))
            {
                _log.Skipped(name);
                continue;
            }

            var digest = tag.Text("digest") ?? "";
            if (!_byDigest.TryGetValue(digest, out var model))
            {
                model = await ShowAsync(name!, tag, ct);
                if (digest.Length > 0 && model.Capabilities is not null)
                {
                    _byDigest[digest] = model;
                }
            }

            models.Add(
                model with
                {
                    Name = name!, // Several names may share one digest.
                    Loaded = loaded.Contains(name!),
                    ModifiedAt = ModifiedAt(tag),
                }
            );
            if (models.Count == LinkLimits.Models)
            {
                break;
            }
        }

        Forget(models);
        return models;
    }

    private async Task<bool?> TellsLogProbabilitiesAsync(CancellationToken ct)
    {
        try
        {
            using var json = await http.GetJsonAsync("/api/version", ct);
            var version = json.RootElement.Text("version")?.Split('-', '+')[0];
            return Version.TryParse(version, out var parsed) ? parsed >= LogProbabilitiesSince : null;
        }
        catch (HttpRequestException e) when (e.StatusCode is not null)
        {
            return null; // Something that speaks Ollama's API without its version.
        }
    }

    private async Task<HashSet<string>> LoadedAsync(CancellationToken ct)
    {
        try
        {
            using var json = await http.GetJsonAsync("/api/ps", ct);
            return [.. json.RootElement.Items("models").Select(model => model.Text("name") ?? "")];
        }
        catch (HttpRequestException e) when (e.StatusCode is not null)
        {
            return []; // Older than /api/ps.
        }
    }

    private async Task<ModelInfo> ShowAsync(string name, JsonElement tag, CancellationToken ct)
    {
        var known = FromTag(name, tag);
        try
        {
            var question = OllamaRequest.Write(json => json.WriteString("model", name));
            using var answer = await http.PostJsonAsync("/api/show", question, ct);
            return WithShown(known, answer.RootElement);
        }
        catch (Exception e) when (e is HttpRequestException { StatusCode: not null } or JsonException)
        {
            return known; // The list alone will do; it is asked again at the next refresh.
        }
    }

    private static ModelInfo FromTag(string name, JsonElement tag)
    {
        var details = tag.Member("details") ?? default;
        var family = details.Text("family");
        return new()
        {
            Name = name,
            Kinds = family?.Contains("bert", StringComparison.Ordinal) == true ? ["embedding"] : ["chat", "completion"],
            Engine = family == "simulator" ? "simulator" : "ollama",
            Digest = tag.Text("digest"),
            Quantization = details.Text("quantization_level"),
            Family = family,
            ParameterSize = details.Text("parameter_size"),
            SizeBytes = tag.Integer("size"),
        };
    }

    private ModelInfo WithShown(ModelInfo known, JsonElement shown)
    {
        var info = shown.Member("model_info") ?? default;
        var architecture = info.Text("general.architecture");
        var context = info.Integer($"{architecture}.context_length");
        var model = known with { Context = context is > 0 and <= int.MaxValue ? (int)context : null };
        if (shown.Member("capabilities") is not { ValueKind: JsonValueKind.Array } capabilities)
        {
            return model;
        }

        List<string> kinds = [];
        List<string> can = [];
        foreach (var entry in capabilities.EnumerateArray())
        {
            switch (entry.ValueKind == JsonValueKind.String ? entry.GetString() : null)
            {
                case null:
                    break;
                case "completion":
                    kinds.AddRange(["chat", "completion"]);
                    can.Add("json");
                    if (_logProbabilities == true)
                    {
                        can.Add("logprobs");
                    }

                    break;
                case "embedding":
                    kinds.Add("embedding");
                    break;
                case var other:
                    can.Add(other);
                    break;
            }
        }

        return model with
        {
            Kinds = kinds,
            Capabilities = can,
        };
    }

    private void Forget(List<ModelInfo> present)
    {
        var digests = present.Select(model => model.Digest).ToHashSet(StringComparer.Ordinal);
        foreach (var digest in _byDigest.Keys)
        {
            if (!digests.Contains(digest))
            {
                _byDigest.TryRemove(digest, out _);
            }
        }
    }

    private static DateTimeOffset? ModifiedAt(JsonElement tag) =>
        tag.Member("modified_at") is { ValueKind: JsonValueKind.String } text
        && text.TryGetDateTimeOffset(out var moment)
            ? moment
            : null;
}
