namespace Pollard.Gateway.Http;

/// <summary>Why a request is not answered as asked. Each dialect says it in its own shape.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">A stable word.</param>
/// <param name="Message">What happened to which thing, and what to do.</param>
internal sealed record DoorError(int Status, string Code, string Message)
{
    /// <summary>The member of the request that is wrong.</summary>
    public string? Parameter { get; init; }

    /// <summary>The task it is about.</summary>
    public string? TaskId { get; init; }

    /// <summary>When to try again.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>False tells clients that repeat requests by themselves not to; null says nothing.</summary>
    public bool? ShouldRetry { get; init; }

    /// <summary>The caller's mistake, in general.</summary>
    public static DoorError BadRequest(string message, string? parameter = null, string code = "invalid_request") =>
        new(400, code, message) { Parameter = parameter };

    /// <summary>No such task for this caller, whether or not it is another's.</summary>
    public static DoorError NoTask(string id) =>
        new(404, "task_not_found", $"there is no task \"{Quote(id)}\"; it may have been deleted after its time");

    /// <summary>Only admins may.</summary>
    public static DoorError AdminOnly =>
        new(403, "admin_only", "this needs an admin key; `pollard key create NAME --admin` on the gateway makes one");

    /// <summary>A client's word as it may stand in a message: bounded, and without control characters.</summary>
    public static string Quote(string text) => PlainText.Of(text, most: 100);
}

/// <summary>The caller's mistake, or ours that the caller must know of, found where no answer can be returned.</summary>
internal sealed class RejectedException(DoorError error) : Exception(error.Message)
{
    /// <summary>What goes back.</summary>
    public DoorError Error { get; } = error;
}
