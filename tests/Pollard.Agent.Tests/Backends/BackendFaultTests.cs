using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Backends;
using Pollard.Simulators;

namespace Pollard.Agent.Tests.Backends;

/// <summary>What goes wrong between a backend and its server, for both dialects.</summary>
public sealed class BackendFaultTests
{
    private readonly RecordingOutput _output = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ollama", FaultKind.Cut)]
    [InlineData("openai", FaultKind.Cut)]
    [InlineData("ollama", FaultKind.EarlyEnd)]
    [InlineData("openai", FaultKind.EarlyEnd)]
    public async Task A_cut_answer_is_never_a_clean_end(string dialect, FaultKind kind)
    {
        await using var server = await StartAsync(dialect, new(kind) { Every = 1, AfterTokens = 4 });
        using var backend = Backend(dialect, server.Url);

        var failure = (await backend.It.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.Equal(("backend_error", true), (failure.Code, failure.Retryable));
        Assert.StartsWith("cut", failure.Message, StringComparison.Ordinal);
        Assert.Equal(4, _output.Deltas.Count);
    }

    [Theory]
    [InlineData("ollama", FaultKind.Garbage, "no answer")]
    [InlineData("openai", FaultKind.Garbage, "no answer")]
    [InlineData("ollama", FaultKind.StreamError, "told to fail here")]
    [InlineData("openai", FaultKind.StreamError, "told to fail here")]
    public async Task An_error_in_the_stream_ends_the_attempt(string dialect, FaultKind kind, string said)
    {
        await using var server = await StartAsync(dialect, new(kind) { Every = 1, AfterTokens = 4 });
        using var backend = Backend(dialect, server.Url);

        var failure = (await backend.It.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.Equal("backend_error", failure.Code);
        Assert.Contains(said, failure.Message, StringComparison.Ordinal);
        Assert.Equal(4, _output.Deltas.Count);
    }

    [Theory]
    [InlineData("ollama", FaultKind.ServerError, "backend_error", 500)]
    [InlineData("openai", FaultKind.ServerError, "backend_error", 500)]
    [InlineData("ollama", FaultKind.RateLimit, "rate_limited", 429)]
    [InlineData("openai", FaultKind.RateLimit, "rate_limited", 429)]
    public async Task A_status_says_whether_another_try_may_help(
        string dialect,
        FaultKind kind,
        string code,
        int status
    )
    {
        await using var server = await StartAsync(dialect, new(kind) { Every = 1 });
        using var backend = Backend(dialect, server.Url);

        var failure = (await backend.It.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.Equal((code, true, status), (failure.Code, failure.Retryable, failure.Status));
        Assert.Equal(status == 429 ? 1 : null, failure.RetryAfterSeconds);
    }

    [Theory]
    [InlineData("ollama")]
    [InlineData("openai")]
    public async Task Nobody_listening_is_unreachable(string dialect)
    {
        var server = await StartAsync(dialect, null);
        await server.DisposeAsync();
        using var backend = Backend(dialect, server.Url);

        var failure = (await backend.It.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.Equal(("backend_unreachable", true), (failure.Code, failure.Retryable));
    }

    [Theory]
    [InlineData("ollama", 400, "bad_request", false)]
    [InlineData("openai", 422, "bad_request", false)]
    [InlineData("ollama", 503, "backend_error", true)]
    [InlineData("openai", 501, "backend_error", false)]
    [InlineData("openai", 302, "backend_error", false)]
    public async Task Each_status_has_its_word(string dialect, int status, string code, bool retryable)
    {
        await using var server = await ScriptedServer.RefuseAsync(
            status,
            """{"error":{"message":"the reason"}}""",
            Token
        );
        using var backend = Backend(dialect, server.Url);

        var failure = (await backend.It.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.Equal((code, retryable, status), (failure.Code, failure.Retryable, failure.Status));
        Assert.EndsWith("the reason", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ollama", "application/x-ndjson")]
    [InlineData("openai", "text/event-stream")]
    public async Task A_line_without_end_is_given_up(string dialect, string type)
    {
        await using var server = await ScriptedServer.SayAsync(type, new string('x', 100_000), Token);
        using var backend = Backend(dialect, server.Url);

        var failure = (await backend.It.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.Contains("more than 65536 bytes", failure.Message, StringComparison.Ordinal);
        Assert.False(failure.Retryable);
    }

    [Theory]
    [InlineData("ollama", 0, "nothing for 30 s")]
    [InlineData("openai", 0, "nothing for 30 s")]
    [InlineData("ollama", 3, "nothing more for 5 s")]
    [InlineData("openai", 3, "nothing more for 5 s")]
    public async Task A_silent_server_is_given_up(string dialect, int tokens, string said)
    {
        await using var server = await StartAsync(dialect, new(FaultKind.Stall) { Every = 1, AfterTokens = tokens });
        WaitingClock clock = new();
        using var backend = Backend(dialect, server.Url, clock);
        var run = backend.It.RunAsync(Work.Chat(), _output, Token);
        await server.UntilAsync(stats => stats.Active == 1, Token);
        if (tokens > 0)
        {
            await _output.First.WaitAsync(Token);
        }

        await clock.AdvanceUntilAsync(run, Token);

        var failure = (await run).Failure!;
        Assert.Equal(("backend_stalled", true), (failure.Code, failure.Retryable));
        Assert.Contains(said, failure.Message, StringComparison.Ordinal);
        await server.UntilAsync(stats => stats.Aborted == 1, Token);
    }

    [Theory]
    [InlineData(FaultKind.ServerError, 500, null)]
    [InlineData(FaultKind.RateLimit, 429, 300)]
    public async Task What_fails_is_sent_once_and_left_to_the_gateway_to_try_again(
        FaultKind kind,
        int status,
        int? wait
    )
    {
        await using var server = await StartAsync(
            "openai",
            new(kind) { Every = 1, RetryAfter = TimeSpan.FromMinutes(5) }
        );
        using var backend = Backend("openai", server.Url);

        var failure = (await backend.It.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.Equal((status, true, wait), (failure.Status, failure.Retryable, (int?)failure.RetryAfterSeconds));
        Assert.Equal(1, server.Stats.Requests);
    }

    private static Task<RunningSimulator> StartAsync(string dialect, SimulatorFault? fault)
    {
        SimulatorOptions options = new() { Faults = fault is null ? [] : [fault] };
        return dialect == "ollama"
            ? OllamaSimulator.StartAsync("http://127.0.0.1:0", options, Token)
            : OpenAiSimulator.StartAsync("http://127.0.0.1:0", options, Token);
    }

    private static Disposable Backend(string dialect, Uri url, TimeProvider? clock = null)
    {
        var firstToken = clock is null ? (TimeSpan?)null : TimeSpan.FromSeconds(30);
        var stall = clock is null ? (TimeSpan?)null : TimeSpan.FromSeconds(5);
        return dialect switch
        {
            "ollama" => new(
                new OllamaBackend(
                    new()
                    {
                        BaseUrl = url,
                        FirstToken = firstToken,
                        Stall = stall,
                        LongestLineBytes = 65_536,
                    },
                    clock ?? TimeProvider.System,
                    NullLogger<OllamaBackend>.Instance
                )
            ),
            "openai" => new(
                new OpenAiBackend(
                    new()
                    {
                        BaseUrl = url,
                        FirstToken = firstToken,
                        Stall = stall,
                        LongestLineBytes = 65_536,
                    },
                    clock ?? TimeProvider.System,
                    NullLogger<OpenAiBackend>.Instance
                )
            ),
            _ => throw new UnreachableException(),
        };
    }

    private sealed class Disposable(IBackend backend) : IDisposable
    {
        public IBackend It => backend;

        public void Dispose() => ((IDisposable)backend).Dispose();
    }
}

/// <summary>A clock that a test turns as far as somebody waits for it.</summary>
internal sealed class WaitingClock : FakeTimeProvider
{
    private readonly Channel<bool> _timers = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(100) { FullMode = BoundedChannelFullMode.DropWrite }
    );

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        if (dueTime > TimeSpan.Zero)
        {
            _timers.Writer.TryWrite(true);
        }

        return new Watched(timer, this);
    }

    /// <summary>Turns the clock by a minute each time a timer is set, until a task ends.</summary>
    public async Task AdvanceUntilAsync(Task ended, CancellationToken ct)
    {
        while (!ended.IsCompleted)
        {
            var set = _timers.Reader.ReadAsync(ct).AsTask();
            await Task.WhenAny(ended, set);
            Advance(TimeSpan.FromMinutes(1));
        }
    }

    private sealed class Watched(ITimer timer, WaitingClock clock) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var changed = timer.Change(dueTime, period);
            if (dueTime > TimeSpan.Zero)
            {
                clock._timers.Writer.TryWrite(true);
            }

            return changed;
        }

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
