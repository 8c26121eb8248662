using System.Globalization;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>What is wrong with the shape of an answer, whatever it says.</summary>
/// <param name="Code"><c>empty</c>, <c>loop</c> or <c>too_fast</c>.</param>
/// <param name="Detail">The same for people.</param>
internal sealed record ShapeFault(string Code, string Detail);

/// <summary>Looks at the shape of complete answers.</summary>
internal static class AnswerInspector
{
    /// <summary>Tokens a second of one answer that no host is doubted for.</summary>
    public const double PlausibleTokensPerSecond = 2_000;

    private const double FasterThanKnown = 5;
    private const long LeastTokens = 100; // Of less a short answer from a cache is enough to look fast.
    private const int LongestPeriod = 100;
    private const int LeastRepeats = 8;
    private const int LeastLoopBytes = 200;
    private const int TailBytes = LongestPeriod * (LeastRepeats + 1);

    /// <summary>What is wrong with an answer; null when nothing is.</summary>
    /// <param name="output">Its deltas, in order.</param>
    /// <param name="tokens">How many tokens the host says that it has; null: their bytes are counted.</param>
    /// <param name="took">How long the host had it.</param>
    /// <param name="fastest">Tokens a second of the fastest host of the model that is trusted; asked only of what is fast.</param>
    public static ShapeFault? Inspect(
        IReadOnlyList<TaskEvent> output,
        long? tokens,
        TimeSpan took,
        Func<double?> fastest
    )
    {
        if (!output.Any(SaysSomething))
        {
            return new ShapeFault("empty", "it has no text, no reasoning and no tool call");
        }

        var tail = TailOf(output);
        if (PeriodOf(tail) is { } period)
        {
            return new ShapeFault("loop", $"its end says the same {period} bytes again and again");
        }

        var count = tokens ?? (output.Sum(static item => (long)item.Data.Length) / 4);
        var rate = count / Math.Max(took.TotalSeconds, 0.001);
        return count >= LeastTokens && rate > PlausibleTokensPerSecond && rate > FasterThanKnown * (fastest() ?? 0)
            ? new ShapeFault(
                "too_fast",
                string.Create(CultureInfo.InvariantCulture, $"{count} tokens came within {took.TotalSeconds:0.###} s")
            )
            : null;
    }

    private static bool SaysSomething(TaskEvent item) =>
        item.Kind switch
        {
            DeltaKind.Progress or DeltaKind.LogProbabilities => false,
            _ => item.Data.Span.ContainsAnyExcept(" \t\r\n"u8),
        };

    private static byte[] TailOf(IReadOnlyList<TaskEvent> output)
    {
        var tail = new byte[TailBytes];
        var at = TailBytes;
        for (var i = output.Count - 1; i >= 0 && at > 0; i--)
        {
            if (output[i] is { Kind: DeltaKind.Content, Choice: 0 } item)
            {
                var bytes = item.Data.Span;
                bytes = bytes[Math.Max(0, bytes.Length - at)..];
                at -= bytes.Length;
                bytes.CopyTo(tail.AsSpan(at));
            }
        }

        return tail[at..];
    }

    /// <summary>The bytes that the text's end repeats; null when it does not.</summary>
    private static int? PeriodOf(ReadOnlySpan<byte> tail)
    {
        for (var period = 1; period <= LongestPeriod; period++)
        {
            var length = Math.Max(LeastLoopBytes, period * LeastRepeats);
            if (tail.Length >= length + period)
            {
                var end = tail[^length..];
                var before = tail.Slice(tail.Length - length - period, length);
                if (end.SequenceEqual(before))
                {
                    return period;
                }
            }
        }

        return null;
    }
}
