using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks.Leases;

/// <summary>What hosts were measured to do: what a host is chosen by, and what work costs. Used under the engine's lock.</summary>
internal sealed class Rates(TimeProvider time)
{
    private const int Most = 10_000;
    private const int PoolMemory = 50;
    private const double NanosecondsPerSecond = 1e9;
    private readonly Dictionary<(string Host, string Model, string Kind), HostRate> _hosts = [];
    private readonly Dictionary<(string Model, string Kind), WorkRate> _pool = [];

    /// <summary>A host's own, which is remembered while it is away.</summary>
    public HostRate Of(string hostId, string model, string kind)
    {
        if (!_hosts.TryGetValue((hostId, model, kind), out var rate))
        {
            if (_hosts.Count >= Most)
            {
                _hosts.Clear(); // Hosts that are here keep theirs. The others' are soon measured again.
            }

            _hosts.Add((hostId, model, kind), rate = new HostRate(time));
        }

        return rate;
    }

    /// <summary>A host's own; null when it was not measured.</summary>
    public HostRate? Find(string hostId, string model, string kind) => _hosts.GetValueOrDefault((hostId, model, kind));

    /// <summary>The pool's with a model, by the clients' name for it.</summary>
    public WorkRate OfPool(string model, string kind)
    {
        if (!_pool.TryGetValue((model, kind), out var rate))
        {
            if (_pool.Count >= Most)
            {
                _pool.Clear();
            }

            _pool.Add((model, kind), rate = new WorkRate(PoolMemory));
        }

        return rate;
    }

    /// <summary>An attempt brought its answer.</summary>
    public void NoteDone(Attempt attempt, Messages.Finish finish)
    {
        // hot: once a task (bench: chat).
        if (attempt.Cut is null && TokensOf(finish.Usage) is { } tokens)
        {
            attempt.Count(tokens);
        }

        if (attempt.Forecast is not { Rate: var rate } forecast)
        {
            return; // It began before the gateway's start: nobody knows when.
        }

        if (attempt.Cut is not null)
        {
            rate.NoteDone(sample: null); // The rest of an answer that others began says nothing of a whole one.
            return;
        }

        var whole = time.GetElapsedTime(attempt.BeganAt).TotalSeconds;
        var first =
            attempt.FirstOutputAt == 0
                ? whole
                : time.GetElapsedTime(attempt.BeganAt, attempt.FirstOutputAt).TotalSeconds;
        var load = LoadOf(forecast, first, finish.Timings);
        if (forecast.Loads && load is { } seconds)
        {
            rate.Work.NoteLoad(seconds);
            forecast.Pool.NoteLoad(seconds);
        }

        var sample = new WorkSample(
            forecast.RequestBytes,
            Math.Max(first - (load ?? 0), 0) / forecast.Crowding,
            (whole - first) / forecast.Crowding,
            attempt.Tokens
        );
        rate.NoteDone(sample);
        forecast.Pool.Note(sample);
    }

    /// <summary>How much of the time to the first token went into loading the model: by the backend's word, or by what there is above the usual.</summary>
    private static double? LoadOf(in Forecast forecast, double firstSeconds, Messages.BackendTimings? timings) =>
        timings?.Load is { } nanoseconds ? Math.Clamp(nanoseconds / NanosecondsPerSecond, 0, firstSeconds)
        : !forecast.Loads ? null
        : forecast.Usual is { IsKnown: true } usual
            ? Math.Max(firstSeconds - (usual.FirstSeconds(forecast.RequestBytes) * forecast.Crowding), 0)
        : null;

    private static double? TokensOf(JsonElement? usage) =>
        usage is { ValueKind: JsonValueKind.Object } counts
        && counts.TryGetProperty("completion_tokens"u8, out var tokens)
        && tokens.ValueKind == JsonValueKind.Number
        && tokens.TryGetDouble(out var count)
        && count is >= 0 and < int.MaxValue
            ? count
            : null;
}
