using System.Text.Json;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Link;

/// <summary>What an agent does when its gateway gives it no more work, and how seldom an idle one must be heard of.</summary>
public sealed class DrainTests
{
    [Fact]
    public async Task Without_a_deadline_what_runs_is_finished()
    {
        var backend = new ConductedBackend();
        await using var gateway = new FakeGateway(backend);
        var session = await gateway.OpenAsync();
        session.Offer(1);
        var run = await backend.NextAsync();

        session.Say(FrameType.Drain, """{"reason":"test"}""");
        Turn(gateway, session, seconds: 3600);
        run.Finish();

        await session.UntilAsync(FrameType.Finish);
    }

    [Fact]
    public async Task At_the_deadline_what_still_runs_is_handed_over()
    {
        var backend = new ConductedBackend();
        await using var gateway = new FakeGateway(backend);
        var session = await gateway.OpenAsync();
        session.Offer(1);
        var run = await backend.NextAsync();

        session.Say(FrameType.Drain, """{"deadline_seconds":60,"reason":"test"}""");
        Turn(gateway, session, seconds: 59);
        Assert.False(run.Stopping.IsCancellationRequested);
        Turn(gateway, session, seconds: 2);

        var fail = JsonSerializer.Deserialize(
            (await session.UntilAsync(FrameType.Fail)).Payload,
            ProtocolJson.Default.Fail
        )!;
        Assert.Equal(("draining", true), (fail.Code, fail.Retryable));
        await session.UntilAsync(FrameType.Free);
        session.Say(FrameType.Ack, handle: 1, sequence: 1);

        // It has not stopped working: what it is offered after that, it runs.
        session.Offer(2);
        (await backend.NextAsync()).Finish();
        await session.UntilAsync(FrameType.Finish);
    }

    [Fact]
    public async Task A_host_that_is_given_work_again_keeps_what_it_runs()
    {
        var backend = new ConductedBackend();
        await using var gateway = new FakeGateway(backend);
        var session = await gateway.OpenAsync();
        session.Offer(1);
        var run = await backend.NextAsync();

        session.Say(FrameType.Drain, """{"deadline_seconds":60,"reason":"test"}""");
        session.Say(FrameType.Config, """{"draining":false}""");
        Turn(gateway, session, seconds: 120);
        run.Finish();

        await session.UntilAsync(FrameType.Finish);
    }

    [Fact]
    public async Task An_idle_agent_waits_for_its_gateway_as_long_as_it_was_told_and_a_busy_one_does_not()
    {
        var backend = new ConductedBackend();
        await using var gateway = new FakeGateway(backend);
        var session = await gateway.OpenAsync(answer => answer with { IdleHeartbeatSeconds = 60 });

        gateway.Clock.Advance(TimeSpan.FromSeconds(59));
        Assert.False(gateway.HasSession);
        session.Offer(1);
        await backend.NextAsync();
        gateway.Clock.Advance(TimeSpan.FromSeconds(14));
        Assert.False(gateway.HasSession);
        gateway.Clock.Advance(TimeSpan.FromSeconds(3));

        var next = await gateway.NextAsync();
        Assert.Equal("token 1", Assert.Single(next.Hello.Resume!).Attempt);
    }

    [Fact]
    public async Task The_pace_of_an_idle_agent_changes_with_its_settings()
    {
        await using var gateway = new FakeGateway(new ConductedBackend());
        var session = await gateway.OpenAsync();

        session.Say(FrameType.Config, """{"idle_heartbeat_seconds":30}""");
        gateway.Clock.Advance(TimeSpan.FromSeconds(39));
        Assert.False(gateway.HasSession);
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));

        await gateway.NextAsync();
    }

    // Each second something is heard of the gateway.
    private static void Turn(FakeGateway gateway, GatewayEnd session, int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(1));
            session.Say(FrameType.Config, "{}");
        }
    }
}
