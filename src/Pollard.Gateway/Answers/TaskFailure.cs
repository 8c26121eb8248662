using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Answers;

/// <summary>How a task that did not complete is told to a client that waits for its answer.</summary>
internal static class TaskFailure
{
    private static readonly TimeSpan LaterRetry = TimeSpan.FromSeconds(10);

    /// <summary>The error of an ended task.</summary>
    public static DoorError Of(TaskRow row, string publicId)
    {
        var error = row.Error ?? new TaskError("unknown", $"the task ended as {Word(row.State)}");
        var message = $"{error.Message} (task {publicId})";
        var (status, retryAfter) = (row.State, error.Code) switch
        {
            (TaskState.Timeout, "queued_too_long") => (503, LaterRetry),
            (TaskState.Timeout, _)
            or (_, "timeout" or "first_token_late" or "stalled" or "backend_stalled" or "tool_timeout") => (504, null),
            (TaskState.Cancelled, _) => (409, null),
            (_, "bad_request" or "unsupported") => (
                error.Status is >= 400 and < 500 and not 401 and not 403 ? error.Status.Value : 400,
                null
            ),
            (_, "not_allowed") => (403, null),
            (_, "context_length_exceeded") => (400, null),
            (_, "too_large") => (413, null),
            (_, "unknown_model") => (404, null),
            (_, "rate_limited") => (429, AskedFor(error) ?? LaterRetry),
            _ => (502, AskedFor(error)),
        };
        return new DoorError(status, error.Code, message)
        {
            TaskId = publicId,
            Parameter = error.Parameter,
            RetryAfter = retryAfter,
            ShouldRetry = retryAfter is null ? false : null, // The engine has tried as often as it may.
        };
    }

    private static TimeSpan? AskedFor(TaskError error) =>
        error.RetryAfterSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null;

    /// <summary>The error when a host was lost after its output was shown, and the task starts over.</summary>
    public static DoorError StartsOver(string publicId) =>
        new(
            502,
            "restarted",
            $"the host was lost after it had begun to answer; task {publicId} starts over, read its result at /v1/tasks/{publicId}"
        )
        {
            TaskId = publicId,
        };

    /// <summary>A state as the wire names it.</summary>
    public static string Word(TaskState state) =>
        state switch
        {
            TaskState.Pending => "pending",
            TaskState.Running => "running",
            TaskState.Completed => "completed",
            TaskState.Failed => "failed",
            TaskState.Timeout => "timeout",
            _ => "cancelled",
        };
}
