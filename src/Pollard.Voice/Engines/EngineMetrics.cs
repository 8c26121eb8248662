using System.Diagnostics.Metrics;

namespace Pollard.Voice.Engines;

/// <summary>What is measured of engines, by the engine's name.</summary>
internal static class EngineMetrics
{
    private static readonly Meter Meter = new("Pollard.Voice");

    private static readonly Histogram<double> Durations = Meter.CreateHistogram<double>(
        "pollard.voice.engine.duration",
        "s",
        "From the question to the whole answer, or its failure; of a sentence with the time in which its sound was taken."
    );

    private static readonly Histogram<double> FirstSounds = Meter.CreateHistogram<double>(
        "pollard.voice.engine.first_sound",
        "s",
        "From the sentence to its first sound."
    );

    private static readonly Counter<long> Opens = Meter.CreateCounter<long>(
        "pollard.voice.engine.opened",
        "{time}",
        "How often an engine failed so much that it was not asked for a while."
    );

    public static void Answered(string engine, TimeSpan took, string outcome) =>
        Durations.Record(took.TotalSeconds, new("engine", engine), new("outcome", outcome));

    public static void FirstSound(string engine, TimeSpan took) =>
        FirstSounds.Record(took.TotalSeconds, new KeyValuePair<string, object?>("engine", engine));

    public static void Opened(string engine) => Opens.Add(1, new KeyValuePair<string, object?>("engine", engine));
}
