using System.Buffers;
using System.Diagnostics.Metrics;
using System.Numerics;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Pollard.Agent.Logs;

/// <summary>
/// What the agent's meters measure, as lines of JSON in daily files: each value of a histogram as it comes; counters, with what they have
/// counted so far, and gauges every ten seconds.
/// </summary>
internal sealed class MetricsLog : IAsyncDisposable
{
    private const int MostCounts = 1000; // Tags are words of ours: there are a few.
    private readonly MeterListener _listener = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Name, string Tags), double> _counts = [];
    private readonly DailyFiles _files;
    private readonly TimeProvider _time;
    private readonly WritingLoop _writing;

    private MetricsLog(DailyFiles files, TimeProvider time, Watchdog watchdog)
    {
        (_files, _time) = (files, time);
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == AgentMeter.Name)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>(Measured);
        _listener.SetMeasurementEventCallback<long>(Measured);
        _listener.SetMeasurementEventCallback<int>(Measured);
        _listener.Start();
        _writing = new WritingLoop(files, watchdog, Sample);
    }

    /// <summary>Begins to write what is measured; null when the agent is not to.</summary>
    public static MetricsLog? Begin(AgentOptions options, Watchdog watchdog, ILogger<MetricsLog> logger) =>
        options.MetricsDirectory is { } directory
            ? new MetricsLog(
                new DailyFiles(directory, "metrics", options.MetricsKeepDays, options.Time) { Logger = logger },
                options.Time,
                watchdog
            )
            : null;

    /// <summary>Writes what is left.</summary>
    public async ValueTask DisposeAsync()
    {
        await _writing.DisposeAsync();
        Sample();
        _listener.Dispose();
        _files.Write();
    }

    private void Measured<T>(
        Instrument instrument,
        T value,
        ReadOnlySpan<KeyValuePair<string, object?>> tags,
        object? state
    )
        where T : struct, INumber<T>
    {
        var number = double.CreateChecked(value);
        if (instrument is Counter<T>)
        {
            Count(instrument.Name, number, Json(tags));
        }
        else if (double.IsFinite(number))
        {
            Add(instrument.Name, number, Json(tags));
        }
    }

    private void Count(string name, double number, ReadOnlySpan<byte> tags)
    {
        var key = (name, Encoding.UTF8.GetString(tags));
        lock (_gate)
        {
            if (_counts.TryGetValue(key, out var count) || _counts.Count < MostCounts)
            {
                _counts[key] = count + number;
            }
        }
    }

    private void Sample()
    {
        _listener.RecordObservableInstruments();
        lock (_gate)
        {
            foreach (var ((name, tags), count) in _counts)
            {
                Add(name, count, Encoding.UTF8.GetBytes(tags));
            }
        }
    }

    private void Add(string name, double value, ReadOnlySpan<byte> tags)
    {
        ArrayBufferWriter<byte> line = new();
        using (Utf8JsonWriter json = new(line))
        {
            json.WriteStartObject();
            json.WriteNumber("@timestamp", _time.GetUtcNow().ToUnixTimeMilliseconds());
            json.WriteString("metric_name", name);
            json.WriteNumber("value", value);
            json.WritePropertyName("tags");
            json.WriteRawValue(tags, skipInputValidation: true);
            json.WriteEndObject();
        }

        _files.Add(line.WrittenSpan);
    }

    private static ReadOnlySpan<byte> Json(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        ArrayBufferWriter<byte> written = new();
        using (Utf8JsonWriter json = new(written))
        {
            json.WriteStartObject();
            foreach (var (name, value) in tags)
            {
                Write(json, name, value);
            }

            json.WriteEndObject();
        }

        return written.WrittenSpan;
    }

    private static void Write(Utf8JsonWriter json, string name, object? value)
    {
        switch (value)
        {
            case bool yes:
                json.WriteBoolean(name, yes);
                break;
            case int number:
                json.WriteNumber(name, number);
                break;
            default:
                json.WriteString(name, value?.ToString());
                break;
        }
    }
}
