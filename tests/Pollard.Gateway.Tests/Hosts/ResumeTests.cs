using System.Globalization;
using Pollard.Agent;
using Pollard.Tasks;
using Pollard.Testing;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>What happens to work when the wire between agent and gateway is cut.</summary>
public sealed class ResumeTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Durability.Relaxed, "h2")]
    [InlineData(Durability.Full, "h2")]
    [InlineData(Durability.Full, "ws")]
    public async Task A_cut_link_neither_doubles_nor_loses_a_token(Durability durability, string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        await using var proxy = new CuttableProxy(carrier == "h2" ? gateway.Http2Port : gateway.Address.Port);
        var address = gateway.Address;
        if (carrier == "h2")
        {
            gateway.Options.Http2Port = proxy.Port;
        }
        else
        {
            address = new UriBuilder(address) { Port = proxy.Port }.Uri;
        }

        var backend = new FakeBackend();
        var choose = gateway.Choose(carrier);
        await using var agent = new RunningAgent(
            gateway,
            backend,
            options => choose(options) with { Gateway = address }
        );
        var task = await gateway.SubmitAsync(durability: durability);
        var run = await backend.NextAsync();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var reading = LinkGateway.ReadAlongAsync(task, begun);

        var expected = new System.Text.StringBuilder();
        for (var i = 0; i < 600; i++)
        {
            var token = string.Create(CultureInfo.InvariantCulture, $"t{i} ");
            expected.Append(token);
            await run.WriteAsync(token);
            if (i == 0)
            {
                // An offer whose acceptance is lost goes to another; that is not what is looked at here.
                await begun.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);
            }

            if (i == 200)
            {
                proxy.Cut();
            }
        }

        run.Finish();

        Assert.Equal(expected.ToString(), await reading);
        Assert.Equal(expected.ToString(), await LinkGateway.ResultAsync(task));
        Assert.Equal(1, task.Row.Attempt);
    }

    [Fact]
    public async Task A_link_that_is_cut_as_work_begins_does_not_take_it_away()
    {
        await using var gateway = await LinkGateway.StartAsync();
        await using var proxy = new CuttableProxy(gateway.Http2Port);
        gateway.Options.Http2Port = proxy.Port;
        for (var round = 0; round < 5; round++)
        {
            var backend = new FakeBackend();
            await using var agent = new RunningAgent(gateway, backend, gateway.Choose("h2"));
            var task = await gateway.SubmitAsync(durability: Durability.Full);
            var run = await backend.NextAsync();
            proxy.Cut(); // The word that it is taken may have left, or not.
            await run.WriteAsync("once");
            run.Finish();

            Assert.Equal("once", await LinkGateway.ResultAsync(task));
            Assert.Equal((1, task.PublicId), (task.Row.Attempt, run.Work.Offer.Task));
        }
    }

    [Fact]
    public async Task A_newer_session_of_a_host_replaces_the_older()
    {
        await using var gateway = await LinkGateway.StartAsync();
        await using var first = new RunningAgent(gateway, new FakeBackend());
        await gateway.UntilHostsAsync(1);

        await using var second = new RunningAgent(gateway, new FakeBackend(), first.WithSameKey);

        var exit = await first.Exit.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);
        Assert.Equal(AgentEnd.Replaced, exit.End);
        Assert.Single(gateway.Engine.Hosts.List());
        Assert.False(second.Exit.IsCompleted);
    }

    [Theory]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task A_revoked_host_is_sent_away_and_stays_out(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var choose = gateway.Choose(carrier);
        await using var agent = new RunningAgent(gateway, new FakeBackend(), choose);
        await gateway.UntilHostsAsync(1);
        using var admin = gateway.NewClient();

        var id = gateway.Registry.List()[0].Id;
        using var answer = await admin.PostAsync($"/v1/hosts/{id}/revoke", null, Token);
        using var again = await admin.PostAsync($"/v1/hosts/{id}/revoke", null, Token);

        Assert.True(answer.IsSuccessStatusCode);
        Assert.True(again.IsSuccessStatusCode);
        var exit = await agent.Exit.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);
        Assert.Equal(AgentEnd.Revoked, exit.End);
        await using var back = new RunningAgent(
            gateway,
            new FakeBackend(),
            options => choose(agent.WithSameKey(options))
        );
        Assert.Equal(
            AgentEnd.Revoked,
            (await back.Exit.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token)).End
        );
    }

    [Fact]
    public async Task A_gateway_that_stops_sends_its_hosts_away_at_once()
    {
        var gateway = await LinkGateway.StartAsync();
        await using var agent = new RunningAgent(gateway, new FakeBackend());
        await gateway.UntilHostsAsync(1);

        var begun = TimeProvider.System.GetTimestamp();
        await gateway.DisposeAsync();

        Assert.InRange(TimeProvider.System.GetElapsedTime(begun), TimeSpan.Zero, TimeSpan.FromSeconds(10));
        Assert.False(agent.Exit.IsCompleted, "a host comes back to a gateway that was stopped");
    }

    [Theory]
    [InlineData(false, "ws")]
    [InlineData(true, "turn")]
    public async Task Where_http2_does_not_get_through_the_next_carrier_does(bool blocksSockets, string expected)
    {
        await using var gateway = await LinkGateway.StartAsync();
        gateway.BlocksSockets = blocksSockets;
        gateway.Options.Http2Port = gateway.Address.Port; // Speaks HTTP/1.1 only, as some proxies do.
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(gateway, backend);
        var task = await gateway.SubmitAsync();

        var run = await backend.NextAsync();
        await run.WriteAsync("through");
        run.Finish();

        Assert.Equal("through", await LinkGateway.ResultAsync(task));
        Assert.Equal(expected, gateway.CarrierOf(gateway.Registry.List()[0].Id));
    }

    [Fact]
    public async Task Work_that_runs_goes_over_to_a_better_carrier_when_that_gets_through()
    {
        await using var gateway = await LinkGateway.StartAsync();
        gateway.BlocksSockets = true;
        gateway.Options.Http2Port = gateway.Address.Port;
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(
            gateway,
            backend,
            options => options with { RiseAfter = [TimeSpan.FromMilliseconds(100)] }
        );
        string? Carrier() => gateway.Registry.List() is [var host] ? gateway.CarrierOf(host.Id) : null;
        var task = await gateway.SubmitAsync();
        var run = await backend.NextAsync();
        await run.WriteAsync("begun ");
        Assert.Equal("turn", Carrier());

        gateway.BlocksSockets = false;
        while (Carrier() != "ws")
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }

        await run.WriteAsync("and done");
        run.Finish();

        Assert.Equal("begun and done", await LinkGateway.ResultAsync(task));
        Assert.Equal(1, task.Row.Attempt);
    }
}
