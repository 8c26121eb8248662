using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Pollard.Output;

namespace Pollard.Configuration;

/// <summary>What is logged, and how: to the error stream, as text or as JSON, or to a view that has the terminal.</summary>
internal static class LogSettings
{
    /// <summary>What sets up the log.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="view">Has the terminal; null: the error stream gets the log.</param>
    /// <param name="files">Gets all of it besides; null: nothing does.</param>
    /// <param name="usual">What is logged where nobody says it.</param>
    /// <exception cref="UsageException">A setting is wrong.</exception>
    public static Action<ILoggingBuilder> Read(
        Settings settings,
        ILoggerProvider? view = null,
        ILoggerProvider? files = null,
        LogLevel usual = LogLevel.Information
    )
    {
        var level = settings.Text(CommonOptions.LogLevel) switch
        {
            "trace" => LogLevel.Trace,
            "debug" => LogLevel.Debug,
            null => usual,
            "info" => LogLevel.Information,
            "warn" => LogLevel.Warning,
            "error" => LogLevel.Error,
            "none" => LogLevel.None,
            var other => throw new UsageException(
                $"--log-level is \"{other}\"; write trace, debug, info, warn, error or none."
            ),
        };
        var isJson = settings.Text(CommonOptions.LogFormat) switch
        {
            null or "text" => false,
            "json" => true,
            var other => throw new UsageException($"--log-format is \"{other}\"; write text or json."),
        };
        return logging =>
        {
            Configure(logging, level, isJson, view);
            if (files is not null)
            {
                logging.AddProvider(files);
            }
        };
    }

    private static void Configure(ILoggingBuilder logging, LogLevel level, bool isJson, ILoggerProvider? view)
    {
        logging.SetMinimumLevel(level);
        logging.AddFilter("Microsoft", level > LogLevel.Warning ? level : LogLevel.Warning);
        // A start that fails is an exception too, which the command tells in its own words.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        if (view is not null)
        {
            logging.AddProvider(view);
        }
        else if (isJson)
        {
            logging.AddJsonConsole(json =>
            {
                json.UseUtcTimestamp = true;
                json.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
            });
        }
        else
        {
            logging.AddConsole(console => console.FormatterName = LogLine.FormatterName);
            logging.Services.AddSingleton<ConsoleFormatter>(new LogLine(withStacks: level <= LogLevel.Debug));
        }

        // The output is for results.
        logging.Services.Configure<ConsoleLoggerOptions>(console =>
            console.LogToStandardErrorThreshold = LogLevel.Trace
        );
    }
}
