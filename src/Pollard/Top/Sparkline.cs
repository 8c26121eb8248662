namespace Pollard.Top;

/// <summary>How a figure went, one character for each span of time.</summary>
internal static class Sparkline
{
    private const string Levels = "▁▂▃▄▅▆▇█";

    /// <summary>Draws the figures, the newest last, in at most so many columns; the highest of them reaches the top. What is not known is a gap.</summary>
    public static string Draw(IReadOnlyList<double?> figures, int columns)
    {
        var each = Math.Max(1, (figures.Count + columns - 1) / Math.Max(1, columns));
        double?[] bars = [.. figures.Chunk(each).Select(static span => span.Max())];
        var highest = bars.Max() ?? 0;
        return string.Concat(bars.Select(bar => Level(bar, highest)));
    }

    private static char Level(double? figure, double highest) =>
        figure is not { } some ? ' '
        : highest <= 0 ? Levels[0]
        : Levels[(int)Math.Round(Math.Clamp(some / highest, 0, 1) * (Levels.Length - 1))];
}
