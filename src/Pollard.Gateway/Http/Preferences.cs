using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Pollard.Gateway.Http;

/// <summary>What a client prefers (RFC 7240).</summary>
/// <param name="RespondAsync">Answer with 202 when it takes longer than <paramref name="Wait"/>.</param>
/// <param name="Wait">How long the client waits; null when it does not say.</param>
internal readonly record struct Preferences(bool RespondAsync, TimeSpan? Wait)
{
    /// <summary>Reads the header; what it does not know is ignored, as the RFC wants.</summary>
    public static Preferences Of(HttpContext http)
    {
        var headers = http.Request.Headers["Prefer"];
        if (headers.Count == 0)
        {
            return default;
        }

        var respondAsync = false;
        TimeSpan? wait = null;
        foreach (var header in headers)
        {
            foreach (var range in header.AsSpan().SplitAny(',', ';'))
            {
                var word = header.AsSpan()[range].Trim();
                if (word.Equals("respond-async", StringComparison.OrdinalIgnoreCase))
                {
                    respondAsync = true;
                }
                else if (
                    word.StartsWith("wait=", StringComparison.OrdinalIgnoreCase)
                    && int.TryParse(
                        word[5..].Trim('"'),
                        NumberStyles.None,
                        CultureInfo.InvariantCulture,
                        out var seconds
                    )
                )
                {
                    wait = TimeSpan.FromSeconds(seconds);
                }
            }
        }

        return new Preferences(respondAsync, wait);
    }
}
