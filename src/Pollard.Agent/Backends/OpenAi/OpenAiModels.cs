using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.OpenAi;

/// <summary>What an OpenAI-compatible server says that it can run.</summary>
internal sealed class OpenAiModels(BackendHttp http, OpenAiBackendOptions options, TimeProvider time, ILogger logger)
{
    // A server that is asked for any name may be far away and list hundreds: it is asked seldom, and its list only informs.
    private static readonly TimeSpan ListHolds = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ListWithin = TimeSpan.FromSeconds(5); // Well within what a discovery as a whole may take.

    private readonly DiscoveryLog _log = new(logger, http.Address);
    private IReadOnlyList<ModelInfo> _listed = [];
    private long? _listedAt;

    /// <summary>
    /// The configured models, or those of <c>/v1/models</c>; none when the server cannot be reached. Beside the model that
    /// stands for any come those of the list, as far as the server gives one.
    /// </summary>
    public async Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken ct)
    {
        if (options.Models is not { } configured)
        {
            return await AskAsync(options.DiscoverWithin, ct) ?? [];
        }

        if (configured.FirstOrDefault(static model => model.Name == "*") is not { } any)
        {
            return configured;
        }

        if (
            (_listedAt is not { } at || time.GetElapsedTime(at) >= ListHolds)
            && await AskAsync(ListWithin, ct) is { } listed
        )
        {
            var named = configured.Select(static model => model.Name).ToHashSet(StringComparer.Ordinal);
            _listed =
            [
                .. listed
                    .Where(model => named.Add(model.Name))
                    .Take(LinkLimits.Models - configured.Count)
                    .Select(model => model with { Kinds = model.Kinds ?? any.Kinds }), // Listed, it can do no less than unlisted.
            ];
            _listedAt = time.GetTimestamp();
        }

        return [.. configured, .. _listed];
    }

    private async Task<List<ModelInfo>?> AskAsync(TimeSpan within, CancellationToken ct)
    {
        using CancellationTokenSource limit = new(within, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            using var json = await http.GetJsonAsync("/models", either.Token);
            var models = Read(json.RootElement);
            _log.Reached(models.Count);
            return models;
        }
        catch (Exception e) when (DiscoveryLog.IsExpected(e))
        {
            ct.ThrowIfCancellationRequested();
            _log.Missed(e);
            return null;
        }
    }

    private List<ModelInfo> Read(JsonElement json)
    {
        List<ModelInfo> models = [];
        if (json.Member("data") is not { ValueKind: JsonValueKind.Array } data)
        {
            throw new JsonException("the list of models has no data");
        }

        foreach (var entry in data.EnumerateArray())
        {
            var name = entry.Text("id");
            if (!LinkLimits.IsModelName(name))
            {
                _log.Skipped(name);
            }
            else if (models.Count < LinkLimits.Models)
            {
                models.Add(Read(entry, name!));
            }
        }

        return models;
    }

    private ModelInfo Read(JsonElement entry, string name)
    {
        var meta = entry.Member("meta") ?? default; // llama.cpp's; max_model_len is vLLM's.
        var context = entry.Integer("max_model_len") ?? entry.Integer("context_length") ?? meta.Integer("n_ctx");
        return new()
        {
            Name = name,
            Kinds = name.Contains("embed", StringComparison.OrdinalIgnoreCase) ? ["embedding"] : null,
            Engine = entry.Text("owned_by") == "simulator" ? "simulator" : options.Engine,
            Context = context is > 0 and <= int.MaxValue ? (int)context : null,
            SizeBytes = meta.Integer("size"),
            ModifiedAt = entry.Integer("created") is { } seconds and > 0 and < 253_402_300_800
                ? DateTimeOffset.FromUnixTimeSeconds(seconds)
                : null,
        };
    }
}
