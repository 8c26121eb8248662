using System.Globalization;

namespace Pollard.Agent.Pipeline;

/// <summary>How many results may wait to be brought back before no more work is fetched.</summary>
public readonly record struct DeliveryThreshold
{
    /// <summary>Results that may wait at the most: with so many, nothing is begun either.</summary>
    public const int Most = 100;

    private DeliveryThreshold(int stopAt) => StopAt = stopAt;

    /// <summary>80 results.</summary>
    public static DeliveryThreshold Default { get; } = new(80);

    /// <summary>Fetching stops with so many, 1 to <see cref="Most"/>.</summary>
    public int StopAt { get; }

    /// <summary>It goes on with so many or fewer: a quarter less, so that it does not stop and go with every result.</summary>
    public int GoOnAt => StopAt - Math.Max(1, StopAt / 4);

    /// <summary>Reads <c>80</c>, results, or <c>80%</c>, of <see cref="Most"/>; false for anything else.</summary>
    public static bool TryParse(string text, out DeliveryThreshold threshold)
    {
        var number = text.EndsWith('%') ? text.AsSpan(0, text.Length - 1) : text;
        var isRead = int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var stopAt);
        var isFit = isRead && stopAt is >= 1 and <= Most; // A percentage of a hundred is the number itself.
        threshold = isFit ? new DeliveryThreshold(stopAt) : Default;
        return isFit;
    }
}

/// <summary>Stops at a threshold, and goes on when things are well below it. Not for several threads.</summary>
internal sealed class DeliveryBrake(DeliveryThreshold threshold)
{
    /// <summary>True while it holds.</summary>
    public bool IsOn { get; private set; }

    /// <summary>Takes note of how many wait; true: fetch.</summary>
    public bool Allows(int waiting)
    {
        IsOn = IsOn ? waiting > threshold.GoOnAt : waiting >= threshold.StopAt;
        return !IsOn;
    }
}
