using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

public class WayBackTests
{
    private static readonly TimeSpan Lost = TimeSpan.FromSeconds(4); // Longer than a link may be away.

    [Fact]
    public async Task A_host_that_comes_back_gets_what_it_had_begun_though_another_is_free()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, first, other) = await BegunAsync(gateway);
        await first.UntilWorkAsync();
        first.Connection.Disconnect();
        gateway.Clock.Advance(Lost);
        Assert.False(other.HasOffer);
        Assert.Contains("for the host first", gateway.Engine.Why(task).Summary, StringComparison.Ordinal);

        var again = TestHost.WithSessions(gateway.Engine, "first").Ready();

        TestHost.Finish(await again.UntilWorkAsync());
        Assert.Equal((TaskState.Completed, 2), await EndOfAsync(task));
        Assert.False(other.HasOffer);
    }

    [Fact]
    public async Task Any_host_may_have_it_when_the_time_to_come_back_is_over()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, first, other) = await BegunAsync(gateway);
        await first.UntilWorkAsync();
        first.Connection.Disconnect();
        gateway.Clock.Advance(Lost);
        Pass(gateway, EngineCore.KeepFor - Lost, other);
        Assert.False(other.HasOffer);

        Pass(gateway, 2 * Lost, other);

        Assert.Equal(task.Row.Id, (await other.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task A_host_whose_upstream_failed_goes_on_after_a_rest()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, first, other) = await BegunAsync(gateway);

        TestHost.Fail(await first.UntilWorkAsync());
        Assert.False(first.HasOffer);
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));

        TestHost.Finish(await first.UntilWorkAsync());
        Assert.Equal((TaskState.Completed, 2), await EndOfAsync(task));
        Assert.False(other.HasOffer);
    }

    [Fact]
    public async Task The_last_try_is_anybodys()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, first, other) = await BegunAsync(gateway);
        TestHost.Fail(await first.UntilWorkAsync());
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));
        TestHost.Fail(await first.UntilWorkAsync());

        TestHost.Finish(await other.UntilWorkAsync());

        Assert.Equal((TaskState.Completed, 3), await EndOfAsync(task));
    }

    [Theory]
    [InlineData("backend_refused")]
    [InlineData("backend_unreachable")]
    [InlineData("rate_limited")]
    [InlineData("draining")]
    public async Task A_host_whose_own_fault_it_is_is_not_waited_for(string code)
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, first, other) = await BegunAsync(gateway);

        TestHost.Fail(await first.UntilWorkAsync(), code: code);

        Assert.Equal(task.Row.Id, (await other.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task A_host_that_is_busy_keeps_its_way_back_and_does_not_get_more_time()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, first, other) = await BegunAsync(gateway);
        TestHost.Fail(await first.UntilWorkAsync());
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));

        (await first.UntilOfferAsync()).Refuse("busy", "no slot is free");
        Assert.False(other.HasOffer);
        Pass(gateway, EngineCore.KeepFor, other);

        Assert.Equal(task.Row.Id, (await other.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task A_host_that_says_that_it_cannot_have_it_loses_its_way_back()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, first, other) = await BegunAsync(gateway);
        TestHost.Fail(await first.UntilWorkAsync());
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));

        (await first.UntilOfferAsync()).Refuse("unknown_model", "it is gone");

        Assert.Equal(task.Row.Id, (await other.UntilOfferAsync()).TaskId);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_host_that_is_drained_or_revoked_loses_its_way_back_at_once(bool isRevoked)
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, first, other) = await BegunAsync(gateway);
        var attempt = await first.UntilWorkAsync();
        first.Connection.SetSlots(0);
        TestHost.Fail(attempt);
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(other.HasOffer);

        _ = isRevoked
            ? gateway.Engine.Hosts.Evict("first", "revoked", "enough")
            : gateway.Engine.Hosts.SetDraining("first", true);

        Assert.Equal(task.Row.Id, (await other.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task A_revoked_host_that_was_lost_is_not_waited_for()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, first, other) = await BegunAsync(gateway);
        await first.UntilWorkAsync();
        first.Connection.Disconnect();
        gateway.Clock.Advance(Lost);

        Assert.False(gateway.Engine.Hosts.Evict("first", "revoked", "enough"));

        Assert.Equal(task.Row.Id, (await other.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task A_host_without_sessions_is_avoided_as_ever()
    {
        await using var gateway = await TestEngine.StartAsync();
        var first = new TestHost(gateway.Engine, "first", "m").Ready();
        var task = await gateway.SubmitAsync();
        var other = TestHost.WithSessions(gateway.Engine, "other").Ready();

        TestHost.Fail(await first.UntilWorkAsync());

        Assert.Equal(task.Row.Id, (await other.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task A_task_that_avoids_a_host_goes_back_to_it_in_time_when_it_rested_too()
    {
        await using var gateway = await TestEngine.StartAsync();
        var first = new TestHost(gateway.Engine, "first", "m").Ready();
        var task = await gateway.SubmitAsync();
        TestHost.Fail(await first.UntilWorkAsync()); // It is alone: the task rests.
        var other = new TestHost(gateway.Engine, "other", "m").Ready();
        other.Connection.SetSlots(0);

        gateway.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(first.HasOffer);
        gateway.Clock.Advance(EngineCore.AvoidFor);

        Assert.Equal(task.Row.Id, (await first.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task An_owner_at_its_limit_gets_its_begun_task_back_when_it_may()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, first, other) = await BegunAsync(gateway);
        TestHost.Fail(await first.UntilWorkAsync());
        gateway.Engine.LimitOwner("", 1);
        first.Connection.SetSlots(0);
        var running = await gateway.SubmitAsync();
        var attempt = await other.UntilWorkAsync();
        Assert.Equal(running.Row.Id, attempt.TaskId);
        first.Connection.SetSlots(1);
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(first.HasOffer);

        TestHost.Finish(attempt);

        Assert.Equal(task.Row.Id, (await first.UntilOfferAsync()).TaskId);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task After_a_restart_the_host_has_its_time_to_come_back(bool wasLostBefore)
    {
        await using var before = await TestEngine.StartAsync();
        var (task, first, _) = await BegunAsync(before, Durability.Full);
        await first.UntilWorkAsync();
        if (wasLostBefore)
        {
            first.Connection.Disconnect();
            before.Clock.Advance(Lost);
        }

        await using var gateway = await before.CrashAndRestartAsync();
        var other = TestHost.WithSessions(gateway.Engine, "other").Ready();
        gateway.Clock.Advance(wasLostBefore ? Lost : TimeSpan.FromSeconds(16)); // Those that ran may come back for 15 s first.
        Assert.False(other.HasOffer);

        var again = TestHost.WithSessions(gateway.Engine, "first").Ready();

        Assert.Equal(task.Row.Id, (await again.UntilOfferAsync()).TaskId);
        Assert.False(other.HasOffer);
    }

    [Fact]
    public async Task After_a_restart_a_task_of_hosts_without_sessions_does_not_wait_for_its_own()
    {
        await using var before = await TestEngine.StartAsync();
        var first = new TestHost(before.Engine, "first", "m").Ready();
        var task = await before.SubmitAsync(durability: Durability.Full);
        await first.UntilWorkAsync();
        first.Connection.Disconnect();
        before.Clock.Advance(Lost);
        await using var gateway = await before.CrashAndRestartAsync();

        var other = new TestHost(gateway.Engine, "other", "m").Ready();

        Assert.Equal(task.Row.Id, (await other.UntilOfferAsync()).TaskId);
    }

    // A task that the first of two hosts has, both of which go on with what they have begun.
    private static async Task<(TaskHandle Task, TestHost First, TestHost Other)> BegunAsync(
        TestEngine gateway,
        Durability durability = Durability.Relaxed
    )
    {
        var first = TestHost.WithSessions(gateway.Engine, "first").Ready();
        var task = await gateway.SubmitAsync(durability: durability);
        return (task, first, TestHost.WithSessions(gateway.Engine, "other").Ready());
    }

    private static void Pass(TestEngine gateway, TimeSpan time, TestHost heard)
    {
        for (var left = time; left > TimeSpan.Zero; left -= Lost)
        {
            heard.Connection.Touch(); // Else it would be lost itself.
            gateway.Clock.Advance(Lost);
        }
    }

    private static async Task<(TaskState State, int Attempt)> EndOfAsync(TaskHandle task)
    {
        var row = await TestEngine.EndAsync(task);
        return (row.State, row.Attempt);
    }
}
