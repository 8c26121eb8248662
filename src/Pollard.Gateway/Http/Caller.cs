using Microsoft.AspNetCore.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Http;

/// <summary>Who makes a request, as its key says.</summary>
/// <param name="Owner">The key's id, by which tasks are owned; empty when keys are off.</param>
/// <param name="IsAdmin">True for an admin key, and for everybody on loopback while keys are off.</param>
/// <param name="IsViewer">True for a key that may watch: it sees all there is, but not what tasks say, and changes nothing.</param>
internal sealed record Caller(string Owner, bool IsAdmin, bool IsViewer = false)
{
    /// <summary>True for who looks after the gateway, or at it.</summary>
    public bool SeesAll => IsAdmin || IsViewer;

    /// <summary>Whose tasks the caller may see: null means everybody's.</summary>
    public string? Scope => SeesAll ? null : Owner;

    /// <summary>Whether the caller may read what a task says: its request, its answer, and what is quoted of them.</summary>
    public bool MayRead(TaskRow row) => IsAdmin || row.Owner == Owner;
}

/// <summary>The caller of a request.</summary>
internal static class CallerFeature
{
    private static readonly object Key = new();

    /// <summary>Set by the key check before any endpoint runs.</summary>
    public static void SetCaller(this HttpContext http, Caller caller) => http.Items[Key] = caller;

    /// <summary>Who makes this request; null when it was refused before that was known.</summary>
    public static Caller? FindCaller(this HttpContext http) => http.Items[Key] as Caller;

    /// <summary>Who makes this request.</summary>
    public static Caller GetCaller(this HttpContext http) =>
        (Caller)(
            http.Items[Key] ?? throw new InvalidOperationException("The key check did not run before this endpoint.")
        );
}
