using System.Diagnostics.Metrics;

namespace Pollard.Voice.Audio;

/// <summary>What is measured of the sound of calls.</summary>
internal static class AudioMetrics
{
    private static readonly Meter Meter = new("Pollard.Voice");

    private static readonly Histogram<double> Lateness = Meter.CreateHistogram<double>(
        "pollard.voice.frame.lateness",
        "s",
        "How long after its time the last call had its frame."
    );

    private static readonly Counter<long> SkippedFrames = Meter.CreateCounter<long>(
        "pollard.voice.frame.skipped",
        "{frame}",
        "Times for frames that passed while the process stood still. Their sound is played later."
    );

    private static readonly Counter<long> DroppedChunks = Meter.CreateCounter<long>(
        "pollard.voice.playout.dropped",
        "{chunk}",
        "Pieces of sound that were not played: late ones, and those of what the caller has interrupted."
    );

    private static readonly Counter<long> PlayoutGaps = Meter.CreateCounter<long>(
        "pollard.voice.playout.gap",
        "{gap}",
        "Silence in the middle of a sentence, because the rest of it had not come."
    );

    public static void Late(TimeSpan by) => Lateness.Record(by.TotalSeconds);

    public static void Skipped(long frames) => SkippedFrames.Add(frames);

    public static void Dropped(PlayoutTaken why) =>
        DroppedChunks.Add(
            1,
            new KeyValuePair<string, object?>("reason", why == PlayoutTaken.Late ? "late" : "interrupted")
        );

    public static void Gap() => PlayoutGaps.Add(1);
}
