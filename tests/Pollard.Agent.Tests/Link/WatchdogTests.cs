using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Retry;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Link;

/// <summary>An agent whose gateway falls silent connects anew; one that stands still says so, to be started anew.</summary>
public sealed class WatchdogTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_gateway_that_is_silent_for_three_heartbeats_is_connected_to_anew()
    {
        await using var gateway = new FakeGateway(new ConductedBackend());
        var session = await gateway.OpenAsync();

        gateway.Clock.Advance(TimeSpan.FromSeconds(14));
        session.Say(FrameType.Config, "{}"); // Any byte will do.
        gateway.Clock.Advance(TimeSpan.FromSeconds(14));
        Assert.False(gateway.HasSession);
        gateway.Clock.Advance(TimeSpan.FromSeconds(3));

        var next = await gateway.NextAsync();
        Assert.Equal(session.Hello.BootId, next.Hello.BootId);
    }

    [Fact]
    public async Task What_the_gateway_said_before_it_took_nothing_more_is_still_heard()
    {
        await using var gateway = new FakeGateway(new ConductedBackend());
        var session = await gateway.OpenAsync();

        session.StopReading();
        gateway.Clock.Advance(TimeSpan.FromSeconds(6)); // It sends a heartbeat, and notices.
        session.Say(FrameType.GoAway, """{"code":"replaced","reason":"test"}""");

        Assert.Equal(
            AgentEnd.Replaced,
            (await gateway.Exit.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token)).End
        );
    }

    [Fact]
    public async Task A_gateway_that_takes_nothing_more_and_says_nothing_is_connected_to_anew()
    {
        await using var gateway = new FakeGateway(new ConductedBackend());
        var session = await gateway.OpenAsync();

        session.StopReading();
        gateway.Clock.Advance(TimeSpan.FromSeconds(6)); // It sends a heartbeat, and begins to wait that it is taken.

        // When it does is not known here; as silent as to be given up for that the gateway is not yet.
        for (var turned = 0.0; !gateway.HasSession && turned < 7; turned += 0.25)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(0.25));
            await Task.Delay(TimeSpan.FromMilliseconds(25), TimeProvider.System, Token);
        }

        await gateway.NextAsync();
    }

    [Fact]
    public async Task An_agent_with_nothing_to_say_sends_a_heartbeat()
    {
        await using var gateway = new FakeGateway(new ConductedBackend());
        var session = await gateway.OpenAsync();

        gateway.Clock.Advance(TimeSpan.FromSeconds(6));

        await session.UntilAsync(FrameType.Heartbeat);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(64)]
    public async Task A_gateway_that_drains_is_called_again_within_the_window_that_it_gave(int window)
    {
        await using var gateway = new FakeGateway(new ConductedBackend());
        var session = await gateway.OpenAsync();
        var wait = RetryPolicy
            .Reconnect.Start(gateway.Clock, new Random(1)) // The same draw as the agent's.
            .Within(TimeSpan.FromSeconds(window));

        session.Say(FrameType.GoAway, $$"""{"code":"draining","reason":"test","reconnect_seconds":{{window}}}""");
        while (await session.NextAsync() is not null) { } // Its own end comes when it has begun to wait.
        Assert.False(gateway.HasSession);

        // Its waiting begins behind its end of the link: the clock is turned until it has.
        var turned = TimeSpan.Zero;
        while (!gateway.HasSession && turned < TimeSpan.FromSeconds(600))
        {
            gateway.Clock.Advance(TimeSpan.FromMilliseconds(100));
            turned += TimeSpan.FromMilliseconds(100);
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token);
        }

        await gateway.NextAsync();
        Assert.True(turned >= wait, $"The agent came back after {turned}, before {wait}.");
    }

    [Fact]
    public async Task A_loop_that_stands_still_is_told_of_after_a_minute()
    {
        using var release = new ManualResetEventSlim();
        var connecting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var stuck = Channel.CreateBounded<string>(100);
        await using var gateway = new FakeGateway(
            new ConductedBackend(),
            options =>
                options with
                {
                    Stuck = loop => stuck.Writer.TryWrite(loop),
                    Connect = () =>
                    {
                        connecting.TrySetResult();
                        release.Wait(Token);
                        throw new IOException("released");
                    },
                }
        );
        await connecting.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);

        gateway.Clock.Advance(TimeSpan.FromSeconds(85));
        Assert.Equal(0, stuck.Reader.Count);
        gateway.Clock.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal("gateway link", await stuck.Reader.ReadAsync(Token));
        release.Set();
    }

    [Fact]
    public async Task A_reader_that_stands_still_in_a_session_is_told_of_too()
    {
        using var release = new ManualResetEventSlim();
        using var loggers = new BlockingLog(release);
        var stuck = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gateway = new FakeGateway(
            new ConductedBackend(),
            options => options with { Stuck = loop => stuck.TrySetResult(loop) },
            loggers
        );
        var session = await gateway.NextAsync();

        var answering = Task.Run(() => session.Answer(), Token); // The agent reads on this thread, and stays there.
        await loggers.Blocked.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);
        for (var second = 0; second < 130 && !stuck.Task.IsCompleted; second++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal("gateway link", await stuck.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token));
        release.Set();
        await answering;
    }

    /// <summary>A log that takes the word of the connection and does not come back, as a terminal that is stopped.</summary>
    private sealed class BlockingLog(ManualResetEventSlim release) : ILoggerFactory, ILogger
    {
        public TaskCompletionSource Blocked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) { }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (formatter(state, exception).StartsWith("Connected", StringComparison.Ordinal))
            {
                Blocked.TrySetResult();
                release.Wait(Token);
            }
        }

        public void Dispose() { }
    }
}
