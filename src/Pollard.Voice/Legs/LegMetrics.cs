using System.Diagnostics.Metrics;

namespace Pollard.Voice.Legs;

/// <summary>What is measured of the ways to callers.</summary>
internal static class LegMetrics
{
    private static readonly Meter Meter = new("Pollard.Voice");

    private static readonly UpDownCounter<long> Calls = Meter.CreateUpDownCounter<long>(
        "pollard.voice.leg.calls",
        "{call}",
        "Calls that are up."
    );

    private static readonly Counter<long> Refusals = Meter.CreateCounter<long>(
        "pollard.voice.leg.refused",
        "{call}",
        "Calls that were not taken, by the reason's code."
    );

    private static readonly Counter<long> OddPackets = Meter.CreateCounter<long>(
        "pollard.voice.rtp.odd",
        "{packet}",
        "Packets of sound that were not heard: late, of strangers, or none; and those that were lost on the way."
    );

    private static readonly Counter<long> UnsentFrames = Meter.CreateCounter<long>(
        "pollard.voice.leg.unsent",
        "{frame}",
        "Frames that could not be sent, because the caller's side does not read."
    );

    public static void Began(string kind) => Calls.Add(1, Tag("kind", kind));

    public static void Ended(string kind) => Calls.Add(-1, Tag("kind", kind));

    public static void Refused(string kind, int code) => Refusals.Add(1, Tag("kind", kind), Tag("code", code));

    public static void Odd(string why, long packets = 1) => OddPackets.Add(packets, Tag("why", why));

    public static void Unsent(string kind) => UnsentFrames.Add(1, Tag("kind", kind));

    private static KeyValuePair<string, object?> Tag(string name, object value) => new(name, value);
}
