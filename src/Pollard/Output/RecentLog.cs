using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Pollard.Output;

/// <summary>The last lines of the log, for a view that has the terminal to itself.</summary>
internal sealed class RecentLog(TimeProvider time) : ILoggerProvider, ILogger
{
    private const int LinesKept = 8;
    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();

    /// <summary>The lines, the newest last.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines];
            }
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        var at = time.GetLocalNow().ToString("HH:mm:ss", CultureInfo.InvariantCulture);
        var what = exception is null ? formatter(state, null) : $"{formatter(state, exception)}: {exception.Message}";
        lock (_gate)
        {
            _lines.Enqueue($"{at} {LogLine.Word(logLevel)}{LogLine.OneLine(what)}");
            if (_lines.Count > LinesKept)
            {
                _lines.Dequeue();
            }
        }
    }

    public void Dispose() { }
}
