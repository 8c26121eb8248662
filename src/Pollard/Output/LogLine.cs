using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Pollard.Output;

/// <summary>A log line for people: when, how bad, what, and the exception's message; its stack from <c>debug</c> on.</summary>
internal sealed class LogLine(bool withStacks) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "pollard";

    public override void Write<TState>(
        in LogEntry<TState> logEntry,
        IExternalScopeProvider? scopeProvider,
        TextWriter textWriter
    )
    {
        var at = TimeProvider.System.GetUtcNow().UtcDateTime; // Kept by no one: a log has the machine's time.
        textWriter.Write(at.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z' ", CultureInfo.InvariantCulture));
        textWriter.Write(Word(logEntry.LogLevel));
        textWriter.Write(OneLine(logEntry.Formatter(logEntry.State, logEntry.Exception)));
        if (logEntry.Exception is { } exception)
        {
            textWriter.Write($" ({OneLine(exception.Message)})");
        }

        textWriter.Write(" [");
        textWriter.Write(logEntry.Category);
        textWriter.WriteLine(']');
        if (withStacks && logEntry.Exception is { } failure)
        {
            textWriter.WriteLine(failure);
        }
    }

    /// <summary>How bad it is, all of one width.</summary>
    public static string Word(LogLevel level) =>
        level switch
        {
            LogLevel.Critical => "CRIT  ",
            LogLevel.Error => "ERROR ",
            LogLevel.Warning => "warn  ",
            LogLevel.Information => "info  ",
            LogLevel.Debug => "debug ",
            _ => "trace ",
        };

    /// <summary>What others wrote (names, answers of servers) must not make lines of its own.</summary>
    public static string OneLine(string text) =>
        text.AsSpan().ContainsAnyInRange('\0', '\x1f') || text.AsSpan().ContainsAnyInRange('\x7f', '\x9f')
            ? string.Concat(text.Select(character => char.IsControl(character) ? ' ' : character))
            : text;
}
