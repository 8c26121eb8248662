using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Pollard.Output;

/// <summary>
/// One line at the bottom of a terminal that is written over, and is gone at the end; what else is said, the log too, scrolls above it.
/// Where the error stream is no terminal there is no such line, and the rest is printed as ever.
/// </summary>
internal sealed class StatusLine(Shell shell) : ILoggerProvider
{
    private const string Clear = "\r\e[K";
    private readonly Lock _gate = new();
    private string _text = "";

    /// <summary>True where there is a terminal that can be written over.</summary>
    public bool IsShown { get; } = shell.ErrorIsTerminal && shell.Environment("TERM") is not (null or "" or "dumb");

    /// <summary>Puts a text in the place of the one before.</summary>
    public void Show(string text)
    {
        if (!IsShown)
        {
            return;
        }

        // The last column stays free: a full line would break, and could not be written over.
        var fitting = Plain.Fit(Plain.OneLine(text), Math.Max(1, Columns() - 1)).TrimEnd(' ');
        lock (_gate)
        {
            if (fitting != _text)
            {
                _text = fitting;
                Write(Clear + fitting);
            }
        }
    }

    /// <summary>Prints a line above it.</summary>
    public void Say(string line)
    {
        lock (_gate)
        {
            Write(_text.Length > 0 ? $"{Clear}{line}\n{_text}" : line + "\n");
        }
    }

    public ILogger CreateLogger(string categoryName) => new Log(this, categoryName);

    /// <summary>Takes the line away.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_text.Length > 0)
            {
                _text = "";
                Write(Clear);
            }
        }
    }

    private static int Columns() => Console.WindowWidth is > 0 and var columns ? columns : 80;

    private void Write(string text)
    {
        try
        {
            shell.Error.Write(text);
            shell.Error.Flush();
        }
        catch (IOException)
        {
            // The terminal is gone; what it shows must not end a server.
        }
    }

    private sealed class Log(StatusLine status, string category) : ILogger
    {
        private static readonly LogLine Format = new(withStacks: false);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        void ILogger.Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            using var line = new StringWriter { NewLine = "\n" };
            Format.Write(new LogEntry<TState>(logLevel, category, eventId, state, exception, formatter), null, line);
            status.Say(line.ToString().TrimEnd('\n'));
        }
    }
}
