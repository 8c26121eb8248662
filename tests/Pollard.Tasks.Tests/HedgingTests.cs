using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

public class HedgingTests
{
    private static readonly TaskEngineOptions Often = new() { HedgeShare = 1 };

    [Fact]
    public async Task A_second_host_begins_when_the_first_does_not_and_has_the_task_with_its_first_word()
    {
        await using var gateway = await TestEngine.StartAsync(options: Often);
        var (task, first, slow) = await WaitingAsync(gateway);
        var second = await UntilSecondAsync(gateway, slow, "second");

        TestHost.Say(second.Attempt, "here ");
        TestHost.Say(second.Attempt, "it is");
        TestHost.Finish(second.Attempt);

        Assert.Equal("here it is", await TestEngine.ResultAsync(task));
        Assert.Equal("overtaken", (await slow.UntilCancelAsync()).Reason);
        Assert.Equal(AppendOutcome.Fenced, TestHost.Say(first, "late"));
        Assert.Equal(("second", 1), (task.Row.Host, task.Row.Attempt));
    }

    [Fact]
    public async Task The_second_one_stops_when_the_first_begins_after_all()
    {
        await using var gateway = await TestEngine.StartAsync(options: Often);
        var (task, first, slow) = await WaitingAsync(gateway);
        var second = await UntilSecondAsync(gateway, slow, "second");

        TestHost.Say(first, "at last");
        Assert.Equal("overtaken", (await second.Host.UntilCancelAsync()).Reason);
        Assert.Equal(AppendOutcome.Fenced, TestHost.Say(second.Attempt, "too late"));
        second.Attempt.Free();
        TestHost.Finish(first);

        Assert.Equal("at last", await TestEngine.ResultAsync(task));
        await gateway.SubmitAsync(); // Its slot is free again.
        await gateway.SubmitAsync();
        await second.Host.UntilWorkAsync();
    }

    [Fact]
    public async Task Words_on_how_far_it_is_are_no_beginning()
    {
        await using var gateway = await TestEngine.StartAsync(options: Often);
        var (task, first, slow) = await WaitingAsync(gateway);
        var second = await UntilSecondAsync(gateway, slow, "second");

        TestHost.Say(second.Attempt, """{"phase":"loading"}""", Protocol.HostLink.DeltaKind.Progress);
        TestHost.Say(first, "mine");
        TestHost.Finish(first);

        Assert.Equal("mine", await TestEngine.ResultAsync(task));
        Assert.DoesNotContain(
            await TestEngine.EventsAsync(task),
            static item => item.Type == Events.TaskEventType.Phase
        );
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_second_one_is_there_when_the_first_is_lost(bool fails)
    {
        await using var gateway = await TestEngine.StartAsync(options: Often);
        var (task, first, slow) = await WaitingAsync(gateway);
        var second = await UntilSecondAsync(gateway, slow, "second");

        if (fails)
        {
            TestHost.Fail(first);
        }
        else
        {
            slow.Connection.Disconnect();
            gateway.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal("second", task.Row.Host);
        TestHost.Say(second.Attempt, "here");
        TestHost.Finish(second.Attempt);
        Assert.Equal("here", await TestEngine.ResultAsync(task));
        Assert.Equal(1, task.Row.Attempt);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_first_one_goes_on_when_the_second_is_lost(bool fails)
    {
        await using var gateway = await TestEngine.StartAsync(options: Often);
        var (task, first, slow) = await WaitingAsync(gateway);
        var second = await UntilSecondAsync(gateway, slow, "second");

        if (fails)
        {
            TestHost.Fail(second.Attempt);
        }
        else
        {
            second.Host.Connection.Disconnect();
        }

        TestHost.Say(first, "mine");
        TestHost.Finish(first);
        Assert.Equal("mine", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task Both_stop_when_the_client_leaves()
    {
        await using var gateway = await TestEngine.StartAsync(options: Often);
        var (task, _, slow) = await WaitingAsync(gateway);
        var second = await UntilSecondAsync(gateway, slow, "second");

        await gateway.Engine.CancelAsync(task, "the client left", TestContext.Current.CancellationToken);

        await slow.UntilCancelAsync();
        await second.Host.UntilCancelAsync();
        Assert.Equal(AppendOutcome.Fenced, TestHost.Say(second.Attempt, "late"));
    }

    [Fact]
    public async Task Second_hosts_are_a_small_share_of_all_tries()
    {
        await using var gateway = await TestEngine.StartAsync(options: new TaskEngineOptions { HedgeShare = 0.25 });
        var slow = new TestHost(gateway.Engine, "slow", "m").Ready();
        var begun = 0;
        for (var i = 0; i < 16; i++)
        {
            var task = await gateway.SubmitAsync();
            var first = await slow.UntilWorkAsync();
            var other = new TestHost(gateway.Engine, $"other{i}", "m").Ready();
            Pass(gateway, 22, slow, other);
            begun += other.HasOffer ? 1 : 0;
            other.Connection.Disconnect();
            TestHost.Say(first, "x");
            TestHost.Finish(first);
            await TestEngine.EndAsync(task);
        }

        Assert.Equal(4, begun);
    }

    [Theory]
    [InlineData(true, false)] // Kept on disk: nobody waits.
    [InlineData(false, true)] // Nothing is to take a slot from what waits.
    public async Task There_is_no_second_one_for(bool durable, bool othersWait)
    {
        await using var gateway = await TestEngine.StartAsync(options: Often);
        var slow = new TestHost(gateway.Engine, "slow", "m").Ready();
        await gateway.SubmitAsync(durability: durable ? Durability.Full : Durability.Relaxed);
        await slow.UntilWorkAsync();
        if (othersWait)
        {
            await gateway.SubmitAsync(model: "nobody has this");
        }

        var other = new TestHost(gateway.Engine, "other", "m").Ready();
        Pass(gateway, 30, slow, other);

        Assert.False(other.HasOffer);
    }

    private static async Task<(TaskHandle Task, Attempt First, TestHost Slow)> WaitingAsync(TestEngine gateway)
    {
        var slow = new TestHost(gateway.Engine, "slow", "m").Ready();
        var task = await gateway.SubmitAsync();
        return (task, await slow.UntilWorkAsync(), slow);
    }

    private static async Task<(Attempt Attempt, TestHost Host)> UntilSecondAsync(
        TestEngine gateway,
        TestHost slow,
        string id
    )
    {
        var host = new TestHost(gateway.Engine, id, "m").Ready();
        Assert.False(host.HasOffer);
        for (var i = 0; i < 30 && !host.HasOffer; i++)
        {
            Pass(gateway, 1, slow, host);
        }

        return (await host.UntilWorkAsync(), host);
    }

    private static void Pass(TestEngine gateway, int seconds, params TestHost[] present)
    {
        for (var i = 0; i < seconds; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(1));
            foreach (var host in present)
            {
                host.Connection.Touch();
            }
        }
    }
}
