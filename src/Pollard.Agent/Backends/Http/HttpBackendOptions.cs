namespace Pollard.Agent.Backends.Http;

/// <summary>What every backend that is an HTTP server has in common.</summary>
public abstract record HttpBackendOptions
{
    /// <summary>The server. Requests go below this URL and nowhere else.</summary>
    public required Uri BaseUrl { get; init; }

    /// <summary>Sent as a bearer token. Absent: none.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Further headers of each request.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>How long the first token may take. Absent: as long as the task may.</summary>
    public TimeSpan? FirstToken { get; init; }

    /// <summary>How long the server may be silent after the first token. Absent: as long as the task may.</summary>
    public TimeSpan? Stall { get; init; }

    /// <summary>Bytes in one line of a streamed answer.</summary>
    public int LongestLineBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Bytes in an answer.</summary>
    public long LongestAnswerBytes { get; init; } = 512L * 1024 * 1024;

    /// <summary>How long a question about models may take.</summary>
    public TimeSpan DiscoverWithin { get; init; } = TimeSpan.FromSeconds(10);
}
