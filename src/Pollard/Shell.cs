using Pollard.Configuration;

namespace Pollard;

/// <summary>What a command has around it: streams, environment, clock. Tests put others in their place.</summary>
internal sealed record Shell
{
    public required TextReader In { get; init; }

    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    /// <summary>True when a person types: nothing is to be read that was piped in.</summary>
    public required bool InIsTerminal { get; init; }

    /// <summary>True when a person reads the result.</summary>
    public required bool OutIsTerminal { get; init; }

    /// <summary>True when a person sees progress and hints.</summary>
    public required bool ErrorIsTerminal { get; init; }

    public required Func<string, string?> Environment { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where this machine's Ollama is looked for when nobody names one.</summary>
    public Uri Ollama { get; init; } = new(Defaults.Ollama);

    /// <summary>What sends HTTP requests; null: the platform's own.</summary>
    public Func<HttpMessageHandler>? Http { get; init; }

    /// <summary>The process's own streams and environment.</summary>
    public static Shell OfProcess() =>
        new()
        {
            In = Console.In,
            Out = Console.Out,
            Error = Console.Error,
            InIsTerminal = !Console.IsInputRedirected,
            OutIsTerminal = !Console.IsOutputRedirected,
            ErrorIsTerminal = !Console.IsErrorRedirected,
            Environment = System.Environment.GetEnvironmentVariable,
        };

    /// <summary>An HTTP client without a time limit of its own.</summary>
    public HttpClient CreateHttpClient() =>
        new(Http?.Invoke() ?? new SocketsHttpHandler { UseCookies = false }) { Timeout = Timeout.InfiniteTimeSpan };
}
