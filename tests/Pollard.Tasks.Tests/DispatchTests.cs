using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Tests.Support;
using Pollard.Testing;

namespace Pollard.Tasks.Tests;

public class DispatchTests
{
    [Fact]
    public async Task A_task_goes_to_a_host_that_has_its_model()
    {
        await using var gateway = await TestEngine.StartAsync();
        var wrong = new TestHost(gateway.Engine, "wrong", "other").Ready();
        var right = new TestHost(gateway.Engine, "right", "m").Ready();

        var task = await gateway.SubmitAsync("m");

        Assert.Equal(task.Row.Id, (await right.UntilOfferAsync()).TaskId);
        Assert.False(wrong.HasOffer);
    }

    [Fact]
    public async Task A_name_without_a_tag_means_latest()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "llama3:latest").Ready();

        await gateway.SubmitAsync("llama3");

        Assert.Equal("llama3:latest", (await host.UntilOfferAsync()).Model);
    }

    [Fact]
    public async Task A_host_is_never_offered_more_than_its_slots()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", slots: 2, HostRole.Worker, "m").Ready();
        for (var i = 0; i < 3; i++)
        {
            await gateway.SubmitAsync();
        }

        var first = await host.UntilWorkAsync();
        await host.UntilWorkAsync();
        Assert.False(host.HasOffer);
        TestHost.Finish(first);

        await host.UntilOfferAsync();
    }

    [Fact]
    public async Task Higher_priority_goes_first_but_waiting_catches_up()
    {
        await using var gateway = await TestEngine.StartAsync();
        var patient = await gateway.SubmitAsync(priority: 0);
        gateway.Clock.Advance(TimeSpan.FromSeconds(11));
        var late = await gateway.SubmitAsync(priority: 1);
        var urgent = await gateway.SubmitAsync(priority: 5);

        var order = await ServeAllAsync(gateway, 3);

        Assert.Equal([urgent.Row.Id, patient.Row.Id, late.Row.Id], order);
    }

    [Fact]
    public async Task Owners_take_turns_however_much_one_of_them_submits()
    {
        await using var gateway = await TestEngine.StartAsync();
        for (var i = 0; i < 50; i++)
        {
            await gateway.SubmitAsync(owner: "greedy");
        }

        var modest = await gateway.SubmitAsync(owner: "modest");

        var order = await ServeAllAsync(gateway, 3);
        Assert.Contains(modest.Row.Id, order[..2]);
    }

    [Fact]
    public async Task An_owner_runs_no_more_than_its_limit_and_others_pass_it()
    {
        await using var gateway = await TestEngine.StartAsync();
        gateway.Engine.LimitOwner("limited", 1);
        var host = new TestHost(gateway.Engine, "host", slots: 3, HostRole.Worker, "m").Ready();
        var first = await gateway.SubmitAsync(owner: "limited");
        var second = await gateway.SubmitAsync(owner: "limited");
        var other = await gateway.SubmitAsync(owner: "other");

        var running = await host.UntilWorkAsync();
        Assert.Equal(other.Row.Id, (await host.UntilWorkAsync()).TaskId);
        Assert.False(host.HasOffer);
        Assert.Equal(first.Row.Id, running.TaskId);
        TestHost.Finish(running);

        Assert.Equal(second.Row.Id, (await host.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task A_fallback_gets_work_only_while_no_worker_can_do_it()
    {
        await using var gateway = await TestEngine.StartAsync();
        var upstream = new TestHost(gateway.Engine, "upstream", slots: 9, HostRole.Fallback, "*").Ready();
        var worker = new TestHost(gateway.Engine, "worker", "m").Ready();

        await gateway.SubmitAsync("m");
        await gateway.SubmitAsync("m");
        await gateway.SubmitAsync("elsewhere");

        Assert.Equal("m", (await worker.UntilWorkAsync()).Model);
        Assert.Equal("elsewhere", (await upstream.UntilOfferAsync()).Model);
        Assert.False(upstream.HasOffer);
        worker.Connection.Disconnect();
        Assert.Equal("m", (await upstream.UntilOfferAsync()).Model);
    }

    [Fact]
    public async Task An_upstream_has_as_many_tries_as_the_hosts_had_and_they_are_spaced_out()
    {
        await using var gateway = await TestEngine.StartAsync();
        var upstream = new TestHost(gateway.Engine, "upstream", slots: 9, HostRole.Fallback, "*").Ready();
        var worker = new TestHost(gateway.Engine, "worker", "m").Ready();
        var task = await gateway.SubmitAsync(with: static task => task with { MaxAttempts = 2 });
        TestHost.Fail(await worker.UntilWorkAsync());
        gateway.Clock.Advance(EngineCore.AvoidFor + TimeSpan.FromSeconds(1));
        TestHost.Fail(await worker.UntilWorkAsync());

        TestHost.Fail(await upstream.UntilWorkAsync()); // The first try follows at once: it is another host.
        Assert.False(upstream.HasOffer);
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));
        TestHost.Fail(await upstream.UntilWorkAsync());

        var row = await TestEngine.EndAsync(task);
        Assert.Equal((TaskState.Failed, 4, "upstream"), (row.State, row.Attempt, row.Host));
    }

    [Fact]
    public async Task What_a_task_requires_decides_who_may_have_it()
    {
        await using var gateway = await TestEngine.StartAsync();
        var one = new TestHost(gateway.Engine, "one", "m").Ready();
        var two = new TestHost(gateway.Engine, "two", "m").Ready();

        await gateway.SubmitAsync(with: static task => task with { Requires = new TaskRequirements { Host = "two" } });

        await two.UntilOfferAsync();
        Assert.False(one.HasOffer);
        Assert.Equal(
            Serving.None,
            gateway.Engine.Hosts.CanServe("chat", "m", new TaskRequirements { Labels = ["gpu"] })
        );
        Assert.Equal(Serving.Worker, gateway.Engine.Hosts.CanServe("chat", "m"));
    }

    [Fact]
    public async Task A_draining_host_gets_nothing_until_it_is_resumed()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        gateway.Engine.Hosts.SetDraining("host", true);

        await gateway.SubmitAsync();
        Assert.False(host.HasOffer);
        gateway.Engine.Hosts.SetDraining("host", false);

        await host.UntilOfferAsync();
    }

    [Fact]
    public async Task A_drained_hosts_work_waits_rather_than_going_to_an_upstream_that_may_lack_the_model()
    {
        await using var gateway = await TestEngine.StartAsync();
        var upstream = new TestHost(gateway.Engine, "upstream", slots: 9, HostRole.Fallback, "*").Ready();
        var worker = new TestHost(gateway.Engine, "worker", "m").Ready();
        gateway.Engine.Hosts.SetDraining("worker", true);

        var task = await gateway.SubmitAsync("m");

        Assert.False(upstream.HasOffer);
        Assert.Equal(Serving.Drained, gateway.Engine.Hosts.CanServe("chat", "m"));
        var why = gateway.Engine.Why(task);
        Assert.Contains("\"m\" is being drained", why.Summary, StringComparison.Ordinal);
        Assert.Contains(why.Hosts, static host => host is { Host: "upstream", Can: false });
        gateway.Engine.Hosts.SetDraining("worker", false);
        Assert.Equal(task.Row.Id, (await worker.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task A_drained_hosts_work_goes_to_an_upstream_as_soon_as_that_lists_the_model()
    {
        await using var gateway = await TestEngine.StartAsync();
        var upstream = new TestHost(gateway.Engine, "upstream", slots: 9, HostRole.Fallback, "*").Ready();
        _ = new TestHost(gateway.Engine, "worker", "m").Ready();
        gateway.Engine.Hosts.SetDraining("worker", true);
        var task = await gateway.SubmitAsync("m");
        Assert.False(upstream.HasOffer);

        upstream.Connection.SetModels([new ModelInfo { Name = "*" }, new ModelInfo { Name = "m" }]);

        Assert.Equal(task.Row.Id, (await upstream.UntilOfferAsync()).TaskId);
        Assert.Equal(Serving.Fallback, gateway.Engine.Hosts.CanServe("chat", "m"));
    }

    [Fact]
    public async Task A_drained_hosts_work_goes_to_the_upstream_once_the_host_has_gone()
    {
        await using var gateway = await TestEngine.StartAsync();
        var upstream = new TestHost(gateway.Engine, "upstream", slots: 9, HostRole.Fallback, "*").Ready();
        var worker = new TestHost(gateway.Engine, "worker", "m").Ready();
        gateway.Engine.Hosts.SetDraining("worker", true);
        var task = await gateway.SubmitAsync("m");
        Assert.False(upstream.HasOffer);

        worker.Connection.Disconnect();

        Assert.Equal(task.Row.Id, (await upstream.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task A_task_that_is_not_to_start_yet_waits_for_its_time()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var at = gateway.Clock.GetUtcNow().AddSeconds(10);

        await gateway.SubmitAsync(with: task => task with { RunAt = at });
        gateway.Clock.Advance(TimeSpan.FromSeconds(9));
        host.Connection.Touch();
        Assert.False(host.HasOffer);
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));

        await host.UntilOfferAsync();
    }

    [Fact]
    public async Task A_task_that_waits_too_long_times_out()
    {
        await using var gateway = await TestEngine.StartAsync();
        var task = await gateway.SubmitAsync(with: static task =>
            task with
            {
                QueueTimeout = TimeSpan.FromSeconds(30),
            }
        );

        gateway.Clock.Advance(TimeSpan.FromSeconds(31));

        var row = await TestEngine.EndAsync(task);
        Assert.Equal((TaskState.Timeout, "queued_too_long"), (row.State, row.Error?.Code));
    }

    [Fact]
    public async Task Why_a_task_waits_is_told_for_each_host()
    {
        await using var gateway = await TestEngine.StartAsync();
        var nobody = await gateway.SubmitAsync("m");
        Assert.Contains(
            "no connected host can run chat with the model \"m\"",
            gateway.Engine.Why(nobody).Summary,
            StringComparison.Ordinal
        );
        var host = new TestHost(gateway.Engine, "busy", "m").Ready();
        _ = new TestHost(gateway.Engine, "other", "x").Ready();
        await host.UntilWorkAsync();
        var second = await gateway.SubmitAsync("m");
        var third = await gateway.SubmitAsync("m");

        var why = gateway.Engine.Why(third);

        Assert.Equal(1, why.Position);
        Assert.Contains(
            why.Hosts,
            static report =>
                report is { Host: "busy", Can: true } && report.Reason.Contains("1 of 1", StringComparison.Ordinal)
        );
        Assert.Contains(why.Hosts, static report => report is { Host: "other", Can: false });
        Assert.Equal(0, gateway.Engine.Why(second).Position);
    }

    private static async Task<List<TaskId>> ServeAllAsync(TestEngine gateway, int count)
    {
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var order = new List<TaskId>();
        for (var i = 0; i < count; i++)
        {
            var attempt = await host.UntilWorkAsync();
            order.Add(attempt.TaskId);
            TestHost.Finish(attempt);
        }

        return order;
    }

    [Fact]
    public async Task Others_are_not_held_up_by_a_task_that_avoids_the_only_free_host()
    {
        await using var gateway = await TestEngine.StartAsync();
        var busy = new TestHost(gateway.Engine, "busy", "m").Ready();
        await gateway.SubmitAsync();
        await busy.UntilWorkAsync();
        var free = new TestHost(gateway.Engine, "free", "m", "other").Ready();
        var avoiding = await gateway.SubmitAsync();
        var failing = await free.UntilWorkAsync();
        var behind = await gateway.SubmitAsync();
        var elsewhere = await gateway.SubmitAsync("other");

        TestHost.Fail(failing);
        var first = await free.UntilWorkAsync();
        TestHost.Finish(first);
        var second = await free.UntilWorkAsync();

        Assert.Equal((behind.Row.Id, elsewhere.Row.Id), (first.TaskId, second.TaskId));
        gateway.Clock.Advance(TimeSpan.FromSeconds(6)); // Nobody else took it.
        TestHost.Finish(second);
        Assert.Equal(avoiding.Row.Id, (await free.UntilWorkAsync()).TaskId);
    }

    [Fact]
    public async Task Another_host_is_waited_for_no_longer_when_the_wall_clock_is_set_back()
    {
        var clock = new JumpingClock(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using var gateway = await TestEngine.StartAsync(clock: clock);
        var busy = new TestHost(gateway.Engine, "busy", "m").Ready();
        await gateway.SubmitAsync();
        await busy.UntilWorkAsync();
        var free = new TestHost(gateway.Engine, "free", "m").Ready();
        var task = await gateway.SubmitAsync();
        TestHost.Fail(await free.UntilWorkAsync());

        clock.WallOffset = TimeSpan.FromHours(-1);
        gateway.Clock.Advance(TimeSpan.FromSeconds(6));

        Assert.Equal(task.Row.Id, (await free.UntilWorkAsync()).TaskId);
    }

    [Fact]
    public async Task What_a_task_requires_is_never_mistaken_for_what_another_does()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        TaskRequirements[] all =
        [
            new() { Labels = ["a\tb"] },
            new() { Labels = ["a", "b"] },
            new() { Labels = ["a"], Features = ["b"] },
            new() { Labels = ["1:a1:b"] },
            new() { Host = "a", Labels = ["b"] },
        ];

        var keys = all.Select(requires => WorkKey.Of("chat", "m", requires, onlyFallback: false)).ToHashSet();
        await gateway.SubmitAsync(with: task => task with { Requires = new() { Labels = ["gpu"] } });

        Assert.Equal(all.Length, keys.Count);
        Assert.False(host.HasOffer);
    }
}
