using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

/// <summary>Many links that drop at once are the gateway's or the network's trouble: nobody's work is taken away at once.</summary>
public sealed class MassLossTests
{
    private const int Hosts = 20;

    [Theory]
    [InlineData(Durability.Relaxed)]
    [InlineData(Durability.Full)]
    public async Task Hosts_that_are_lost_in_numbers_have_fifteen_seconds_to_come_back(Durability durability)
    {
        await using var gateway = await TestEngine.StartAsync();
        var running = await RunAsync(gateway, durability);

        Lose(gateway, running, count: 8);
        gateway.Clock.Advance(TimeSpan.FromSeconds(14));
        foreach (var (_, attempt, task) in running.Take(8))
        {
            var back = new TestHost(gateway.Engine, HostOf(running, attempt), "m");
            Assert.Same(attempt, back.Connection.Resume(attempt.Token, 0));
            TestHost.Finish(attempt);
            Assert.Equal((TaskState.Completed, 1), ((await TestEngine.EndAsync(task)).State, task.Row.Attempt));
        }
    }

    [Fact]
    public async Task Who_is_not_back_by_then_loses_its_work()
    {
        await using var gateway = await TestEngine.StartAsync();
        var running = await RunAsync(gateway, Durability.Relaxed);
        var spare = new TestHost(gateway.Engine, "spare", slots: 100, HostRole.Worker, "m").Ready();

        Lose(gateway, running, count: 8);
        Wait(gateway, running.Skip(8).Select(run => run.Host).Append(spare), seconds: 14);
        Assert.False(spare.HasOffer);
        Wait(gateway, running.Skip(8).Select(run => run.Host).Append(spare), seconds: 3);

        for (var i = 0; i < 8; i++)
        {
            await spare.UntilWorkAsync();
        }

        Assert.All(running.Take(8), run => Assert.Equal(AppendOutcome.Fenced, TestHost.Say(run.Attempt, "late")));
    }

    [Fact]
    public async Task A_few_lost_hosts_are_no_sign_of_anything()
    {
        await using var gateway = await TestEngine.StartAsync();
        var running = await RunAsync(gateway, Durability.Relaxed);
        var spare = new TestHost(gateway.Engine, "spare", slots: 100, HostRole.Worker, "m").Ready();

        Lose(gateway, running, count: 3);
        gateway.Clock.Advance(TimeSpan.FromSeconds(1));

        for (var i = 0; i < 3; i++)
        {
            await spare.UntilWorkAsync();
        }
    }

    [Fact]
    public async Task Losses_that_are_far_apart_do_not_add_up()
    {
        await using var gateway = await TestEngine.StartAsync();
        var running = await RunAsync(gateway, Durability.Relaxed);
        var spare = new TestHost(gateway.Engine, "spare", slots: 100, HostRole.Worker, "m").Ready();

        for (var i = 0; i < 8; i++)
        {
            running[i].Host.Connection.Disconnect();
            Wait(gateway, running.Skip(i + 1).Select(run => run.Host).Append(spare), seconds: 4);
            await spare.UntilWorkAsync();
        }
    }

    private static async Task<List<(TestHost Host, Attempt Attempt, TaskHandle Task)>> RunAsync(
        TestEngine gateway,
        Durability durability
    )
    {
        var running = new List<(TestHost, Attempt, TaskHandle)>();
        for (var i = 0; i < Hosts; i++)
        {
            var host = new TestHost(gateway.Engine, $"host {i}", "m").Ready();
            var task = await gateway.SubmitAsync(durability: durability);
            running.Add((host, await host.UntilWorkAsync(), task));
        }

        return running;
    }

    private static string HostOf(List<(TestHost Host, Attempt Attempt, TaskHandle Task)> running, Attempt attempt) =>
        $"host {running.FindIndex(run => run.Attempt == attempt)}";

    private static void Lose(TestEngine gateway, List<(TestHost Host, Attempt, TaskHandle)> running, int count)
    {
        for (var i = 0; i < count; i++)
        {
            running[i].Host.Connection.Disconnect();
            gateway.Clock.Advance(TimeSpan.FromMilliseconds(10));
        }
    }

    private static void Wait(TestEngine gateway, IEnumerable<TestHost> living, int seconds)
    {
        var all = living.ToArray();
        for (var second = 0; second < seconds; second++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(1));
            foreach (var host in all)
            {
                host.Connection.Touch();
            }
        }
    }
}
