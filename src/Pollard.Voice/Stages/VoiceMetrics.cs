using System.Diagnostics.Metrics;

namespace Pollard.Voice.Stages;

/// <summary>What is measured of turns of calls.</summary>
internal static class VoiceMetrics
{
    private const string Name = "Pollard.Voice";
    private static readonly Meter Meter = new(Name);

    private static readonly UpDownCounter<int> Calls = Meter.CreateUpDownCounter<int>(
        "pollard.voice.calls",
        "{call}",
        "Calls that are served, by stage."
    );

    private static readonly Histogram<double> Turn = Meter.CreateHistogram<double>(
        "pollard.voice.turn",
        "s",
        "Parts of a turn: stt (an utterance to its words), first_token and first_sentence (words to the model's first), tts (a sentence to its first sound), voice_to_voice (the caller's last sound to the answer's first)."
    );

    private static readonly Counter<long> Interruptions = Meter.CreateCounter<long>(
        "pollard.voice.interruptions",
        "{interruption}",
        "Answers that a caller has cut short."
    );

    /// <summary>Shows what a process has, each time that it is asked, until what comes back is disposed.</summary>
    /// <param name="look">How it is.</param>
    /// <param name="time">The clock.</param>
    public static IDisposable Watch(Func<VoiceStatus> look, TimeProvider time)
    {
        var meter = new Meter(Name);
        meter.CreateObservableGauge(
            "pollard.voice.link.age",
            () =>
                look()
                    .Links.Select(link =>
                        Age(
                            link.Since,
                            [
                                new("link", link.Name),
                                new("call", link.Call ?? "all"),
                                new("peer", link.Peer),
                                new("state", link.State),
                            ]
                        )
                    ),
            "s",
            "For how long a link has been in its state."
        );
        meter.CreateObservableGauge(
            "pollard.voice.call.age",
            () =>
                look()
                    .Calls.SelectMany(stage =>
                        stage.Value.Select(call => Age(call.Since, [new("stage", stage.Key), new("call", call.Call)]))
                    ),
            "s",
            "For how long a stage has had a call."
        );
        return meter;

        Measurement<double> Age(DateTimeOffset since, KeyValuePair<string, object?>[] tags) =>
            new((time.GetUtcNow() - since).TotalSeconds, tags);
    }

    public static void CallBegan(string stage) => Calls.Add(1, new KeyValuePair<string, object?>("stage", stage));

    public static void CallEnded(string stage) => Calls.Add(-1, new KeyValuePair<string, object?>("stage", stage));

    public static void Recognised(TimeSpan took) => Record("stt", took);

    public static void FirstToken(TimeSpan took) => Record("first_token", took);

    public static void FirstSentence(TimeSpan took) => Record("first_sentence", took);

    public static void FirstSound(TimeSpan took) => Record("tts", took);

    public static void VoiceToVoice(TimeSpan took) => Record("voice_to_voice", took);

    public static void Interrupted() => Interruptions.Add(1);

    private static void Record(string part, TimeSpan took) =>
        Turn.Record(took.TotalSeconds, new KeyValuePair<string, object?>("part", part));
}
