using System.Globalization;

namespace Pollard.Configuration;

/// <summary>Durations as people write them.</summary>
internal static class Durations
{
    private static readonly (string Unit, TimeSpan Length)[] Units =
    [
        ("ms", TimeSpan.FromMilliseconds(1)),
        ("s", TimeSpan.FromSeconds(1)),
        ("m", TimeSpan.FromMinutes(1)),
        ("h", TimeSpan.FromHours(1)),
        ("d", TimeSpan.FromDays(1)),
    ];

    // Far beyond any sensible setting, and far from overflowing anything.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(3650);

    /// <summary>Reads <c>90</c> (seconds), <c>500ms</c>, <c>1.5s</c>, <c>15m</c>, <c>2h</c>, <c>7d</c>.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        var length = TimeSpan.FromSeconds(1);
        var number = text.AsSpan().Trim();
        foreach (var unit in Units)
        {
            if (number.EndsWith(unit.Unit, StringComparison.Ordinal))
            {
                length = unit.Length;
                number = number[..^unit.Unit.Length];
                break;
            }
        }

        duration = TimeSpan.Zero;
        if (
            !double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount)
            || !(amount * length.TotalDays <= Longest.TotalDays) // Also when it is no number.
        )
        {
            return false;
        }

        duration = length * amount;
        return true;
    }

    /// <summary>Writes a duration with two digits that matter: <c>350ms</c>, <c>4.2s</c>, <c>3m10s</c>, <c>5h02m</c>, <c>3d04h</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        var d = duration < TimeSpan.Zero ? TimeSpan.Zero : duration;
        return d switch
        {
            { TotalSeconds: < 1 } => Invariant($"{d.TotalMilliseconds:0}ms"),
            { TotalMinutes: < 1 } => Invariant($"{d.TotalSeconds:0.#}s"),
            { TotalHours: < 1 } => Invariant($"{d.Minutes}m{d.Seconds:00}s"),
            { TotalDays: < 1 } => Invariant($"{d.Hours}h{d.Minutes:00}m"),
            _ => Invariant($"{(int)d.TotalDays}d{d.Hours:00}h"),
        };
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
