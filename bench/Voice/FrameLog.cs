using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace Pollard.Bench.Voice;

/// <summary>What the clock of all calls tells of its frames, and links of their breaks.</summary>
internal sealed class FrameLog : IDisposable
{
    private readonly MeterListener _listener = new()
    {
        InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Pollard.Voice")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        },
    };
    private readonly ConcurrentQueue<(string Part, double Seconds)> _parts = [];
    private long _skipped;
    private long _gaps;
    private long _suspected;
    private long _broken;

    public FrameLog()
    {
        _listener.SetMeasurementEventCallback<double>(
            (instrument, value, tags, _) =>
            {
                if (instrument.Name == "pollard.voice.frame.lateness")
                {
                    Lateness.Add((long)(value * Stopwatch.Frequency)); // By the one thread of the clock.
                }
                else if (instrument.Name == "pollard.voice.turn")
                {
                    _parts.Enqueue(((string)tags[0].Value!, value));
                }
            }
        );
        _listener.SetMeasurementEventCallback<long>(
            (instrument, value, _, _) =>
            {
                switch (instrument.Name)
                {
                    case "pollard.voice.frame.skipped":
                        Interlocked.Add(ref _skipped, value);
                        break;
                    case "pollard.voice.playout.gap":
                        Interlocked.Add(ref _gaps, value);
                        break;
                    case "pollard.voice.link.suspected":
                        Interlocked.Add(ref _suspected, value);
                        break;
                    case "pollard.voice.link.down":
                        Interlocked.Add(ref _broken, value);
                        break;
                }
            }
        );
        _listener.Start();
    }

    /// <summary>How late frames were, in stopwatch ticks.</summary>
    public List<long> Lateness { get; } = [];

    /// <summary>Frames that were skipped.</summary>
    public long Skipped => Interlocked.Read(ref _skipped);

    /// <summary>Gaps within sentences.</summary>
    public long Gaps => Interlocked.Read(ref _gaps);

    /// <summary>How often links were suspected.</summary>
    public long Suspected => Interlocked.Read(ref _suspected);

    /// <summary>Connections that broke.</summary>
    public long Broken => Interlocked.Read(ref _broken);

    /// <summary>How long the parts of turns took.</summary>
    public string Parts() =>
        string.Join(
            ", ",
            _parts
                .GroupBy(static one => one.Part, static one => one.Seconds * 1_000, StringComparer.Ordinal)
                .Select(static part => (part.Key, Took: part.Order().ToList()))
                .Select(static part =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{part.Key} {part.Took[part.Took.Count / 2]:0.0}/{part.Took[part.Took.Count * 99 / 100]:0.0} ms"
                    )
                )
        );

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();
}
