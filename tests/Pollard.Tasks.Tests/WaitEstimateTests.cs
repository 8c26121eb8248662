using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

/// <summary>How long a task that waits is told to have to wait still.</summary>
public class WaitEstimateTests
{
    [Fact]
    public async Task Nothing_is_told_of_work_that_was_never_measured_or_cannot_be_done()
    {
        await using var gateway = await TestEngine.StartAsync();
        var task = await gateway.SubmitAsync("m");
        Assert.Null(Estimate(gateway, task));
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        await host.UntilWorkAsync();
        var next = await gateway.SubmitAsync("m");

        Assert.Null(Estimate(gateway, next));
    }

    [Fact]
    public async Task What_runs_has_to_end_first_and_has_not_long_to_go_when_it_began_long_ago()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        await ServeAsync(gateway, host, "m", seconds: 20);
        await gateway.SubmitAsync("m");
        await host.UntilWorkAsync();
        var next = await gateway.SubmitAsync("m");
        var later = await gateway.SubmitAsync("m");

        Assert.Equal((20, 40), (Estimate(gateway, next), Estimate(gateway, later)));
        Pass(gateway, 15, host);
        Assert.Equal((5, 25), (Estimate(gateway, next), Estimate(gateway, later)));
        Pass(gateway, 10, host);
        Assert.Equal((2, 22), (Estimate(gateway, next), Estimate(gateway, later))); // It takes longer than it should.
    }

    [Fact]
    public async Task A_full_host_is_slower_and_others_come_in_between()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", slots: 2, HostRole.Worker, "m").Ready();
        await ServeAsync(gateway, host, "m", seconds: 4);
        await gateway.SubmitAsync("m"); // To be done in 4 s.
        await gateway.SubmitAsync("m"); // And in 6 s, with the other one beside it.
        await host.UntilWorkAsync();
        await host.UntilWorkAsync();
        var next = await gateway.SubmitAsync("m");
        var later = await gateway.SubmitAsync("m");
        var others = await gateway.SubmitAsync("m", owner: "other");

        Assert.Equal(6, Estimate(gateway, next)); // One of the other owner may come first.
        Assert.Equal(10, Estimate(gateway, later));
        Assert.Equal(6, Estimate(gateway, others));
        gateway.Engine.LimitOwner("other", 0);
        Assert.Null(Estimate(gateway, others));
        Assert.Equal(4, Estimate(gateway, next));
    }

    [Fact]
    public async Task Each_host_counts_as_fast_as_it_is()
    {
        await using var gateway = await TestEngine.StartAsync();
        var slow = new TestHost(gateway.Engine, "slow", "m").Ready();
        await ServeAsync(gateway, slow, "m", seconds: 10);
        await gateway.SubmitAsync("m");
        await slow.UntilWorkAsync();
        var fast = new TestHost(gateway.Engine, "fast", "m").Ready();
        await ServeAsync(gateway, fast, "m", seconds: 2, slow);
        await gateway.SubmitAsync("m");
        await fast.UntilWorkAsync();

        var waiting = new List<TaskHandle>();
        for (var i = 0; i < 5; i++)
        {
            waiting.Add(await gateway.SubmitAsync("m"));
        }

        // The fast one is free in 2 s and then each 2 s; the slow one in 8 s, and then after 10 s.
        Assert.Equal([2, 4, 6, 8, 8], waiting.Select(task => Estimate(gateway, task)!.Value));
    }

    [Fact]
    public async Task Other_work_on_the_host_takes_its_own_time()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "quick", "long").Ready();
        await ServeAsync(gateway, host, "quick", seconds: 1);
        await ServeAsync(gateway, host, "long", seconds: 25);
        await gateway.SubmitAsync("long");
        await host.UntilWorkAsync();
        Pass(gateway, 4, host);

        var next = await gateway.SubmitAsync("quick");

        Assert.Equal(21, Estimate(gateway, next));
    }

    [Fact]
    public async Task A_long_queue_is_foreseen_too()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        await ServeAsync(gateway, host, "m", seconds: 1);
        TaskHandle? last = null;
        for (var i = 0; i < 10_100; i++)
        {
            last = await gateway.SubmitAsync("m");
        }

        Assert.Equal(10_099, Estimate(gateway, last!));
    }

    private static double? Estimate(TestEngine gateway, TaskHandle task) =>
        gateway.Engine.Why(task).Estimate is { } wait ? Math.Round(wait.TotalSeconds, 3) : null;

    private static async Task ServeAsync(
        TestEngine gateway,
        TestHost host,
        string model,
        double seconds,
        params TestHost[] present
    )
    {
        var task = await gateway.SubmitAsync(model);
        var attempt = await host.UntilWorkAsync();
        Pass(gateway, seconds, [host, .. present]);
        TestHost.Say(attempt, "x");
        TestHost.Finish(attempt);
        attempt.Free();
        await TestEngine.EndAsync(task);
    }

    private static void Pass(TestEngine gateway, double seconds, params TestHost[] present)
    {
        for (var left = seconds; left > 0; left -= 5)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(Math.Min(left, 5)));
            foreach (var host in present)
            {
                host.Connection.Touch();
            }
        }
    }
}
