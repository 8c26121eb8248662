using System.Diagnostics.Metrics;

namespace Pollard.Voice.Links;

/// <summary>What is measured of links, by the link's name.</summary>
internal static class LinkMetrics
{
    private static readonly Meter Meter = new("Pollard.Voice");

    private static readonly Histogram<double> Connecting = Meter.CreateHistogram<double>(
        "pollard.voice.link.connect",
        "s",
        "From the first try of a connection to its end."
    );

    private static readonly Histogram<int> Tries = Meter.CreateHistogram<int>(
        "pollard.voice.link.tries",
        "{try}",
        "Tries until a connection was there."
    );

    private static readonly Counter<long> Downs = Meter.CreateCounter<long>(
        "pollard.voice.link.down",
        "{connection}",
        "Connections that broke in the middle of a call."
    );

    private static readonly Counter<long> Suspicions = Meter.CreateCounter<long>(
        "pollard.voice.link.suspected",
        "{time}",
        "Times that nothing was heard of the other side for so long that it may be gone."
    );

    private static readonly Counter<long> Repeats = Meter.CreateCounter<long>(
        "pollard.voice.link.repeated",
        "{frame}",
        "Frames that were sent again, because a connection had taken them with it."
    );

    private static readonly Counter<long> Refusals = Meter.CreateCounter<long>(
        "pollard.voice.link.refused",
        "{frame}",
        "Frames that were not taken, because too much waits already."
    );

    private static readonly Counter<long> Losses = Meter.CreateCounter<long>(
        "pollard.voice.link.lost",
        "{frame}",
        "Frames that came and were thrown away, because this side did not keep up."
    );

    private static readonly Counter<long> Registers = Meter.CreateCounter<long>(
        "pollard.voice.register.sent",
        "{datagram}",
        "Datagrams that asked a service to connect."
    );

    public static void Connected(string link, TimeSpan took, int tried)
    {
        Connecting.Record(took.TotalSeconds, new("link", link), new("outcome", "connected"));
        Tries.Record(tried, new KeyValuePair<string, object?>("link", link));
    }

    public static void NotConnected(string link, TimeSpan took) =>
        Connecting.Record(took.TotalSeconds, new("link", link), new("outcome", "gave_up"));

    public static void Down(string link, string reason) => Downs.Add(1, new("link", link), new("reason", reason));

    public static void Suspected(string link) => Suspicions.Add(1, new KeyValuePair<string, object?>("link", link));

    public static void Repeated(string link, int frames) =>
        Repeats.Add(frames, new KeyValuePair<string, object?>("link", link));

    public static void Refused(string link) => Refusals.Add(1, new KeyValuePair<string, object?>("link", link));

    public static void Lost(string link) => Losses.Add(1, new KeyValuePair<string, object?>("link", link));

    public static void Registered(string link) => Registers.Add(1, new KeyValuePair<string, object?>("link", link));
}
