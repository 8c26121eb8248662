using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Pollard.Agent.Tests.Logs;

/// <summary>A log that a test reads.</summary>
internal class RecordingLogger : ILogger
{
    private readonly ConcurrentQueue<string> _lines = new();

    /// <summary>What was logged so far.</summary>
    public IReadOnlyList<string> Lines => [.. _lines];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    ) => _lines.Enqueue(formatter(state, exception));
}

/// <summary>The same for a part that wants a log of its own.</summary>
internal sealed class RecordingLogger<T> : RecordingLogger, ILogger<T>;
