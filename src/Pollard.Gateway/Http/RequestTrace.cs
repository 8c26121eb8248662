using System.Buffers;
using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace Pollard.Gateway.Http;

/// <summary>
/// The W3C trace of a request. Its id is the request's <see cref="HttpContext.TraceIdentifier"/>, stands in our log lines and
/// goes back as <c>x-request-id</c>, which clients show. An <see cref="Activity"/> would cost more than the rest of the hop.
/// </summary>
internal static class RequestTrace
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");
    private const int ParentLength = 55; // 00-<32>-<16>-<2>

    /// <summary>Takes up the client's trace or begins one.</summary>
    public static void Begin(HttpContext http)
    {
        string? parent = http.Request.Headers.TraceParent;
        http.TraceIdentifier = IsParent(parent) ? parent![3..35] : ActivityTraceId.CreateRandom().ToHexString();
        http.Response.Headers["x-request-id"] = http.TraceIdentifier;
    }

    /// <summary>The client's trace context; with a parent of zeros where the trace begins with the request.</summary>
    public static string Traceparent(HttpContext http)
    {
        string? parent = http.Request.Headers.TraceParent;
        return IsParent(parent) ? parent! : $"00-{http.TraceIdentifier}-0000000000000000-00";
    }

    private static bool IsParent(string? text) =>
        text is { Length: ParentLength }
        && text.StartsWith("00-", StringComparison.Ordinal)
        && text[35] == '-'
        && text[52] == '-'
        && IsHex(text.AsSpan(3, 32))
        && IsHex(text.AsSpan(36, 16))
        && IsHex(text.AsSpan(53, 2))
        && text.AsSpan(3, 32).ContainsAnyExcept('0')
        && text.AsSpan(36, 16).ContainsAnyExcept('0');

    private static bool IsHex(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(HexDigits);
}
