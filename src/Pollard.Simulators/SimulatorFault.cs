using System.Globalization;

namespace Pollard.Simulators;

/// <summary>What a simulator can do wrong.</summary>
public enum FaultKind
{
    /// <summary>Falls silent and holds the connection.</summary>
    Stall,

    /// <summary>Breaks the connection.</summary>
    Cut,

    /// <summary>Ends the body cleanly, but without the line that closes an answer.</summary>
    EarlyEnd,

    /// <summary>Says in the middle of a stream that something went wrong.</summary>
    StreamError,

    /// <summary>Sends bytes that are no answer.</summary>
    Garbage,

    /// <summary>Answers with status 500.</summary>
    ServerError,

    /// <summary>Answers with status 429 and <c>Retry-After</c>.</summary>
    RateLimit,

    /// <summary>Answers with status 529, as Anthropic's API does when it is overloaded.</summary>
    Overload,
}

/// <summary>One thing that goes wrong, and how often: with a probability, or with every n-th request.</summary>
/// <param name="Kind">What goes wrong.</param>
public sealed record SimulatorFault(FaultKind Kind)
{
    /// <summary>0 to 1; drawn from the seed and the request's number, so that a run can be repeated.</summary>
    public double Probability { get; init; }

    /// <summary>Strikes each request whose number is a multiple of this; 0 is never.</summary>
    public int Every { get; init; }

    /// <summary>How many requests it strikes at most. Absent: no limit.</summary>
    public int? Times { get; init; }

    /// <summary>Tokens that go out before a stream goes wrong.</summary>
    public int AfterTokens { get; init; } = 3;

    /// <summary>What <see cref="FaultKind.RateLimit"/> tells the client to wait.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Reads <c>cut:5%</c> (a probability) or <c>cut:1/20</c> (every twentieth request).</summary>
    public static bool TryParse(string text, out SimulatorFault? fault)
    {
        fault = null;
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || KindOf(text[..colon]) is not { } kind)
        {
            return false;
        }

        var rate = text[(colon + 1)..];
        if (
            rate.EndsWith('%')
            && double.TryParse(rate[..^1], CultureInfo.InvariantCulture, out var percent)
            && percent is >= 0 and <= 100
        )
        {
            fault = new(kind) { Probability = percent / 100 };
        }
        else if (
            rate.StartsWith("1/", StringComparison.Ordinal)
            && int.TryParse(rate.AsSpan(2), CultureInfo.InvariantCulture, out var every)
            && every > 0
        )
        {
            fault = new(kind) { Every = every };
        }

        return fault is not null;
    }

    internal bool Strikes(long requestNumber, long seed)
    {
        if (Every > 0 && requestNumber % Every == 0)
        {
            return true;
        }

        var drawn = new Draw((ulong)seed ^ ((ulong)requestNumber << 8) ^ (ulong)Kind);
        return Probability > 0 && drawn.NextDouble() < Probability;
    }

    private static FaultKind? KindOf(string word) =>
        word switch
        {
            "stall" => FaultKind.Stall,
            "cut" => FaultKind.Cut,
            "early-end" => FaultKind.EarlyEnd,
            "error" => FaultKind.StreamError,
            "garbage" => FaultKind.Garbage,
            "500" => FaultKind.ServerError,
            "429" => FaultKind.RateLimit,
            "529" => FaultKind.Overload,
            _ => null,
        };
}
