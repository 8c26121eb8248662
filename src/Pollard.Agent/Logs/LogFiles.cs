using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Pollard.Agent.Logs;

/// <summary>
/// The log as lines of JSON in daily files: <c>agent-yyyy-MM-dd.jsonl</c>. An agent that has it in its options writes it every ten
/// seconds; <see cref="Write"/> and <see cref="Dispose"/> write at once.
/// </summary>
public sealed class LogFiles : ILoggerProvider
{
    /// <summary>What a day's file may hold: as much as is sent where a server collects logs.</summary>
    internal const long MostFileBytes = 64 * 1024 * 1024;

    private const string Name = "agent";
    private const int MostCharacters = 8 * 1024; // Of a message, or of an exception with its stack.

    private static readonly JsonWriterOptions Readable = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // For people and tools, never within a page.
    };

    private readonly DailyFiles _files;
    private readonly TimeProvider _time;

    /// <summary>A log in this directory, which is made when it is not there.</summary>
    /// <param name="directory">Where the files lie.</param>
    /// <param name="keepDays">How many days before today have their files, 1 to 3,650.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ArgumentOutOfRangeException">The days are too few or too many.</exception>
    public LogFiles(string directory, int keepDays, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(keepDays, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(keepDays, AgentHost.MostKeepDays);
        (Directory, _time) = (directory, time);
        _files = new DailyFiles(directory, Name, keepDays, time) { MostFileBytes = MostFileBytes };
    }

    /// <summary>Where the files lie.</summary>
    public string Directory { get; }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Category(categoryName, this);

    /// <summary>The files that there are, the newest day first.</summary>
    internal IEnumerable<FileInfo> Newest() =>
        new DirectoryInfo(Directory)
            .EnumerateFiles($"{Name}-????-??-??.jsonl")
            .OrderByDescending(static file => file.Name, StringComparer.Ordinal);

    /// <summary>Writes what was logged so far.</summary>
    public void Write() => _files.Write();

    /// <summary>Writes what is left.</summary>
    public void Dispose() => Write();

    /// <summary>Begins to write every ten seconds, until what this returns is disposed.</summary>
    internal WritingLoop Begin(Watchdog watchdog, ILogger<LogFiles> trouble)
    {
        _files.Logger = trouble;
        return new WritingLoop(_files, watchdog, static () => { });
    }

    private void Add(LogLevel level, string category, string message, Exception? exception)
    {
        ArrayBufferWriter<byte> line = new();
        using (Utf8JsonWriter json = new(line, Readable))
        {
            json.WriteStartObject();
            var at = _time
                .GetUtcNow()
                .UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
            json.WriteString("@timestamp", at);
            json.WriteString("level", Word(level));
            json.WriteString("category", category);
            json.WriteString("message", Shorten(message));
            if (exception is not null)
            {
                json.WriteString("exception", Shorten(exception.ToString()));
            }

            json.WriteEndObject();
        }

        _files.Add(line.WrittenSpan);
    }

    private static string Shorten(string text) => text.Length <= MostCharacters ? text : text[..MostCharacters] + "...";

    private static string Word(LogLevel level) =>
        level switch
        {
            LogLevel.Trace => "trace",
            LogLevel.Debug => "debug",
            LogLevel.Information => "info",
            LogLevel.Warning => "warn",
            LogLevel.Error => "error",
            _ => "critical",
        };

    private sealed class Category(string name, LogFiles files) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => files.Add(logLevel, name, formatter(state, exception), exception);
    }
}
