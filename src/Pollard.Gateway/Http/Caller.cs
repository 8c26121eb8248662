using Microsoft.AspNetCore.Http;

namespace Pollard.Gateway.Http;

/// <summary>Who makes a request, as its key says.</summary>
/// <param name="Owner">The key's id, by which tasks are owned; empty when keys are off.</param>
/// <param name="IsAdmin">True for an admin key, and for everybody on loopback while keys are off.</param>
internal sealed record Caller(string Owner, bool IsAdmin)
{
    /// <summary>Whose tasks the caller may see: null means everybody's.</summary>
    public string? Scope => IsAdmin ? null : Owner;
}

/// <summary>The caller of a request.</summary>
internal static class CallerFeature
{
    private static readonly object Key = new();

    /// <summary>Set by the key check before any endpoint runs.</summary>
    public static void SetCaller(this HttpContext http, Caller caller) => http.Items[Key] = caller;

    /// <summary>Who makes this request.</summary>
    public static Caller GetCaller(this HttpContext http) =>
        (Caller)(
            http.Items[Key] ?? throw new InvalidOperationException("The key check did not run before this endpoint.")
        );
}
