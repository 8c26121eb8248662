using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Pollard.Agent.Logs;

/// <summary>
/// What requests and runs are measured by, for all agents of the process. No tag has a word of a client's or a server's: addresses would
/// tell what is asked, and their number has no end.
/// </summary>
internal static class AgentMeter
{
    /// <summary>The name of the agent's meters.</summary>
    public const string Name = "Pollard.Agent";

    /// <summary>A question for a task.</summary>
    public const string GetTask = "get_task";

    /// <summary>A result that is brought.</summary>
    public const string UploadResult = "upload_result";

    /// <summary>A file that is brought.</summary>
    public const string UploadFile = "upload_file";

    /// <summary>A call of a tool.</summary>
    public const string TargetRequest = "target_request";

    private static readonly Meter Meter = new(Name);

    private static readonly Histogram<double> Requests = Meter.CreateHistogram<double>(
        "http.request.duration_ms",
        "ms",
        "How long a request took, to the end of its answer"
    );

    private static readonly Histogram<double> Runs = Meter.CreateHistogram<double>(
        "task.processing_duration_ms",
        "ms",
        "How long a task ran"
    );

    private static readonly Histogram<long> Uploads = Meter.CreateHistogram<long>(
        "upload.size_bytes",
        "By",
        "How large a result was that the server has taken"
    );

    /// <summary>A request is over.</summary>
    /// <param name="operation">What it was for: one of the constants here.</param>
    /// <param name="took">How long it took.</param>
    /// <param name="status">The answer's status; 0: there was no answer.</param>
    /// <param name="error">What went wrong, a word of ours; null: nothing did.</param>
    /// <param name="hasTask">Of a question for a task: whether there was one.</param>
    public static void Requested(string operation, TimeSpan took, int status, string? error, bool? hasTask = null)
    {
        TagList tags = new() { { "operation", operation }, { "success", error is null } };
        if (status != 0)
        {
            tags.Add("status_code", status);
        }

        if (hasTask is { } has)
        {
            tags.Add("has_task", has);
        }

        if (error is not null)
        {
            tags.Add("error_type", error);
        }

        Requests.Record(took.TotalMilliseconds, tags);
    }

    /// <summary>A run is over.</summary>
    /// <param name="took">How long it took.</param>
    /// <param name="error">Why it failed, a word of ours; null: it did not.</param>
    public static void Ran(TimeSpan took, string? error)
    {
        TagList tags = new() { { "success", error is null } };
        if (error is not null)
        {
            tags.Add("error_type", error);
        }

        Runs.Record(took.TotalMilliseconds, tags);
    }

    /// <summary>The server has taken a result.</summary>
    /// <param name="bytes">How large it was.</param>
    /// <param name="isDirect">True: put to an address of its own; false: within the request that names the task.</param>
    public static void Uploaded(long bytes, bool isDirect) =>
        Uploads.Record(bytes, new KeyValuePair<string, object?>("upload_type", isDirect ? "direct" : "inline"));
}
