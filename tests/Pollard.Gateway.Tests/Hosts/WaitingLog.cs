using Microsoft.Extensions.Logging;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A log in which the test waits for a line that has some words.</summary>
internal sealed class WaitingLog(string words) : ILoggerFactory, ILogger
{
    private readonly TaskCompletionSource<string> _heard = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<string> HeardAsync() =>
        _heard.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, TestContext.Current.CancellationToken);

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) { }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        var line = formatter(state, exception);
        if (line.Contains(words, StringComparison.Ordinal))
        {
            _heard.TrySetResult(line);
        }
    }

    public void Dispose() { }
}
