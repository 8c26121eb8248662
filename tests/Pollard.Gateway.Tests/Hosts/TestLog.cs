using Microsoft.Extensions.Logging;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>Shows what gateway and agent log beside the test that failed.</summary>
internal sealed class TestLog : ILoggerProvider, ILoggerFactory, ILogger
{
    private readonly ITestOutputHelper? _output = TestContext.Current.TestOutputHelper;
    private readonly long _begun = TimeProvider.System.GetTimestamp();

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
        try
        {
            var at = TimeProvider.System.GetElapsedTime(_begun).TotalMilliseconds;
            _output?.WriteLine($"{at, 7:0} {logLevel} {formatter(state, exception)} {exception}");
        }
        catch (InvalidOperationException)
        {
            // The test has ended.
        }
    }

    public void Dispose() { }
}
