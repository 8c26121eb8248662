using System.Net;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>The gateway refused a call, or could not be reached. The message says what happened and what to do.</summary>
public sealed class PollardException : Exception
{
    /// <summary>What every type of error begins with.</summary>
    public const string TypePrefix = "urn:pollard:error:";

    /// <summary>The type of an error that is ours: no gateway answers at the address.</summary>
    public const string Unreachable = TypePrefix + "unreachable";

    /// <summary>The type of an error that is ours: an answer that no gateway gives.</summary>
    public const string BadAnswer = TypePrefix + "bad_answer";

    /// <summary>The type of an error that is ours: a stream ended before the answer did.</summary>
    public const string StreamCut = TypePrefix + "stream_cut";

    /// <summary>The type of an error that is ours: a task completed with something else than was asked for.</summary>
    public const string BadResult = TypePrefix + "bad_result";

    /// <summary>The type of an error that is ours: what was given out of an answer is void, and the task starts over.</summary>
    public const string Restarted = TypePrefix + "restarted";

    /// <summary>An error as the gateway described it.</summary>
    public PollardException(Problem problem, Exception? innerException = null)
        : base(problem?.Detail ?? problem?.Title, innerException)
    {
        ArgumentNullException.ThrowIfNull(problem);
        Problem = problem;
    }

    /// <summary>What the gateway said, or what we say in its place.</summary>
    public Problem Problem { get; }

    /// <summary>A stable word after <see cref="TypePrefix"/>.</summary>
    public string Type => Problem.Type;

    /// <summary>What happened to which thing, and what to do.</summary>
    public string? Detail => Problem.Detail;

    /// <summary>The status of the answer; null when there was none.</summary>
    public HttpStatusCode? Status => (HttpStatusCode?)Problem.Status;

    /// <summary>The task it is about, where the gateway says so.</summary>
    public string? TaskId => Problem.Task;

    /// <summary>True when no gateway answered.</summary>
    public bool IsUnreachable => Type == Unreachable;

    /// <summary>How long the gateway asked to wait before the next try (<c>Retry-After</c>); null when it did not.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>True when the same call may work a little later.</summary>
    public bool IsTransient =>
        Status switch
        {
            null => Problem.Retryable ?? (IsUnreachable || Type == StreamCut),
            HttpStatusCode.TooManyRequests
            or HttpStatusCode.BadGateway
            or HttpStatusCode.ServiceUnavailable
            or HttpStatusCode.GatewayTimeout => Problem.Retryable ?? true,
            _ => false,
        };

    internal static PollardException For(
        string type,
        string title,
        string detail,
        Exception? inner = null,
        string? taskId = null
    ) =>
        new(
            new Problem
            {
                Type = type,
                Title = title,
                Detail = detail,
                Task = taskId,
            },
            inner
        );
}
