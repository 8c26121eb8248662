namespace Pollard.Protocol.HostLink;

/// <summary>The names that carrier C (long poll over plain HTTP/1.1) uses. Its bodies are the same frames as everywhere.</summary>
public static class TurnCarrier
{
    /// <summary>The content type of a body of frames.</summary>
    public const string ContentType = "application/vnd.pollard.frames";

    /// <summary>The path of a turn; its query <c>wait</c> says how many seconds it may be held.</summary>
    public const string TurnPath = "/host/v1/turn";

    /// <summary>The header with the session's name, in every request but the one that carries the hello.</summary>
    public const string SessionHeader = "Pollard-Session";

    /// <summary>
    /// The header that numbers the bodies of a session that carry frames, from 0 (the hello): they are taken in this order,
    /// whichever connection brings them first. Without it they are taken as they come.
    /// </summary>
    public const string UploadHeader = "Pollard-Upload";

    /// <summary>The header that numbers the turns of a session: one that is overtaken by a later one is not held.</summary>
    public const string TurnHeader = "Pollard-Turn";

    /// <summary>The path of an attempt's output.</summary>
    public static string OutputPath(uint handle) => $"/host/v1/attempts/{handle}/output";
}

/// <summary>The answer to output that came by carrier C.</summary>
/// <param name="NextSeq">The first output frame that the gateway lacks.</param>
/// <param name="Cancel">True: stop the attempt; a cancel or fenced frame says why.</param>
/// <param name="IntervalMs">How many milliseconds of output to gather before the next upload.</param>
public sealed record OutputReply(long NextSeq, bool Cancel, int IntervalMs);
