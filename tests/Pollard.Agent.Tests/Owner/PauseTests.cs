using System.Text.Json;
using Pollard.Agent.Owner;
using Pollard.Agent.Tests.Link;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Owner;

/// <summary>The owner's word to a running agent, over the socket in its data directory.</summary>
public sealed class PauseTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pollard-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_paused_agent_says_so_takes_nothing_more_and_finishes_what_runs()
    {
        var backend = new ConductedBackend();
        await using var gateway = Start(backend);
        var session = await gateway.OpenAsync();
        session.Offer(1);
        var run = await backend.NextAsync();

        var paused = await Control(gateway).PauseAsync(TimeSpan.FromHours(2), Token);
        var rest = await RestAsync(session);
        session.Offer(2);
        var refuse = JsonSerializer.Deserialize(
            (await session.UntilAsync(FrameType.Refuse)).Payload,
            ProtocolJson.Default.Refuse
        )!;
        run.Finish();
        await session.UntilAsync(FrameType.Finish);

        Assert.Equal(("paused", 7200d), (rest.Code, rest.Seconds));
        Assert.Equal("draining", refuse.Code);
        Assert.Equal(("paused", gateway.Clock.GetUtcNow().AddHours(2)), (paused.State, paused.Rest!.Until));
    }

    [Fact]
    public async Task A_resumed_agent_works_again()
    {
        var backend = new ConductedBackend();
        await using var gateway = Start(backend);
        var session = await gateway.OpenAsync();
        await Control(gateway).PauseAsync(null, Token);
        Assert.Equal(
            ("paused", null),
            (await RestAsync(session)) is var paused ? (paused.Code, paused.Seconds) : default
        );

        var status = await Control(gateway).ResumeAsync(Token);

        Assert.Equal("none", (await RestAsync(session)).Code);
        Assert.Equal("idle", status.State);
        session.Offer(1);
        (await backend.NextAsync()).Finish();
        await session.UntilAsync(FrameType.Finish);
    }

    [Fact]
    public async Task A_pause_holds_over_a_restart_until_its_time_is_over()
    {
        await using (var first = Start(new ConductedBackend()))
        {
            await first.OpenAsync();
            await Control(first).PauseAsync(TimeSpan.FromSeconds(80), Token);
        }

        await using var second = Start(new ConductedBackend());
        var session = await second.NextAsync();
        Assert.Equal("paused", session.Hello.Rest!.Code);
        session.Answer();
        await session.UntilAsync(FrameType.Pong);

        Assert.Equal("none", (await TurnUntilRestAsync(second, session)).Code);
        Assert.Empty(Directory.GetFiles(_folder, "agent-pause.json"));
    }

    [Fact]
    public async Task Outside_its_schedule_it_rests_until_the_next_hours_begin()
    {
        Assert.True(Schedule.TryParse("sat 00:01-00:02", out var schedule, out _));
        await using var gateway = new FakeGateway(
            new ConductedBackend(),
            options => options with { Schedule = schedule }
        );
        var session = await gateway.NextAsync(); // The clock begins on a Saturday at midnight, in a zone without offset.
        session.Answer();
        await session.UntilAsync(FrameType.Pong);

        var before = session.Hello.Rest!;
        var during = await TurnUntilRestAsync(gateway, session);
        var after = await TurnUntilRestAsync(gateway, session);

        Assert.Equal(("schedule", 60d), (before.Code, before.Seconds));
        Assert.Equal("none", during.Code);
        Assert.Equal("schedule", after.Code);
    }

    [Fact]
    public async Task What_cannot_be_read_is_a_pause_and_only_its_owner_may_read_it()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "agent-pause.json"), "{", Token);
        await using var gateway = Start(new ConductedBackend());
        var session = await gateway.NextAsync();
        Assert.Equal("paused", session.Hello.Rest!.Code);

        await Control(gateway).PauseAsync(null, Token);

        foreach (var file in (string[])["agent-pause.json", "agent.sock"])
        {
            if (!OperatingSystem.IsWindows()) // There the directory alone says who may read.
            {
                const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
                Assert.Equal(OwnerOnly, File.GetUnixFileMode(Path.Combine(_folder, file)));
            }
        }
    }

    [Fact]
    public async Task Where_no_agent_runs_the_owner_is_told_what_to_do()
    {
        var lost = await Assert.ThrowsAsync<IOException>(() =>
            new AgentControl(_folder, TimeProvider.System).LookAsync(Token)
        );

        Assert.Contains(_folder, lost.Message, StringComparison.Ordinal);
        Assert.Contains("--data", lost.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_socket_of_a_killed_agent_is_taken_over_and_that_of_a_running_one_is_not()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "agent.sock"), "", Token);
        await using var first = Start(new ConductedBackend(), "first");
        await first.OpenAsync();
        await using var second = Start(new ConductedBackend(), "second");
        await second.OpenAsync();

        Assert.Equal("first", (await Control(first).LookAsync(Token)).Name);
    }

    [Fact]
    public async Task The_owner_sees_what_runs_what_was_done_and_what_went_wrong()
    {
        var backend = new ConductedBackend();
        await using var gateway = Start(backend);
        var session = await gateway.OpenAsync();
        session.Offer(1);
        var run = await backend.NextAsync();
        await run.WriteAsync("four token text."); // 16 bytes.
        session.Say(FrameType.Config, """{"excluded_models":["x"]}""");
        session.Say(FrameType.Ping);
        await session.UntilAsync(FrameType.Pong);

        var running = await Control(gateway).LookAsync(Token);
        run.Result.SetResult(
            Pollard.Agent.Backends.WorkResult.Failed(
                new Messages.Fail
                {
                    Code = "x",
                    Message = "it broke",
                    Retryable = true,
                }
            )
        );
        await session.UntilAsync(FrameType.Free);
        var after = await Control(gateway).LookAsync(Token);

        Assert.Equal(("working", "memory"), (running.State, running.Carrier));
        Assert.Equal(("task_1", 4L), Assert.Single(running.Running) is var one ? (one.Task, one.Tokens) : default);
        Assert.Equal(["x"], running.ExcludedModels);
        Assert.Equal((0, 1, 4L), (after.Today.Finished, after.Today.Failed, after.Today.Tokens));
        Assert.Equal("task_1: it broke", Assert.Single(after.Problems).Message);
    }

    private FakeGateway Start(ConductedBackend backend, string name = "box") =>
        new(backend, options => options with { Name = name, StateDirectory = _folder, HasControl = true });

    // The agent's clock is the test's; the command's is the world's.
    private AgentControl Control(FakeGateway gateway)
    {
        Assert.False(gateway.Exit.IsCompleted);
        return new AgentControl(_folder, TimeProvider.System);
    }

    private static async Task<Messages.Rest> TurnUntilRestAsync(FakeGateway gateway, GatewayEnd session)
    {
        for (var seconds = 0; seconds < 90; seconds += 10)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(10));
            session.Say(FrameType.Ping); // The agent has heard of its gateway before the clock goes on.
            if (await RestBeforeAsync(session, FrameType.Pong) is { } rest)
            {
                return rest;
            }
        }

        throw new InvalidOperationException("Nothing changed.");
    }

    private static async Task<Messages.Rest> RestAsync(GatewayEnd session) =>
        await RestBeforeAsync(session, FrameType.Status)
        ?? throw new InvalidOperationException("A status without it came.");

    /// <summary>What the agent says of its rest before or in the next frame of a kind.</summary>
    private static async Task<Messages.Rest?> RestBeforeAsync(GatewayEnd session, FrameType last)
    {
        Messages.Rest? rest = null;
        FrameType? type = null;
        while (type != last && await session.NextAsync() is { } frame)
        {
            type = frame.Header.Type;
            rest =
                type == FrameType.Status
                    ? JsonSerializer.Deserialize(frame.Payload, ProtocolJson.Default.Status)!.Rest
                    : rest;
        }

        return rest;
    }
}
