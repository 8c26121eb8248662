using System.Globalization;

namespace Pollard.Output;

/// <summary>Moments as tables show them.</summary>
internal static class Moments
{
    /// <summary>To the second and in UTC, as everything that the gateway says.</summary>
    public static string Format(DateTimeOffset moment) =>
        moment.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
