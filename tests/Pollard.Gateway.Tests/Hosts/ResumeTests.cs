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
    [InlineData(Durability.Relaxed)]
    [InlineData(Durability.Full)]
    public async Task A_cut_link_neither_doubles_nor_loses_a_token(Durability durability)
    {
        await using var gateway = await LinkGateway.StartAsync();
        await using var proxy = new CuttableProxy(gateway.Http2Port);
        gateway.Options.Http2Port = proxy.Port;
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(
            gateway,
            backend,
            options => options with { Carrier = AgentCarrier.Http2 }
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

    [Fact]
    public async Task A_revoked_host_is_sent_away_and_stays_out()
    {
        await using var gateway = await LinkGateway.StartAsync();
        await using var agent = new RunningAgent(gateway, new FakeBackend());
        await gateway.UntilHostsAsync(1);
        using var admin = gateway.NewClient();

        var id = gateway.Registry.List()[0].Id;
        using var answer = await admin.PostAsync($"/v1/hosts/{id}/revoke", null, Token);
        using var again = await admin.PostAsync($"/v1/hosts/{id}/revoke", null, Token);

        Assert.True(answer.IsSuccessStatusCode);
        Assert.True(again.IsSuccessStatusCode);
        var exit = await agent.Exit.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);
        Assert.Equal(AgentEnd.Revoked, exit.End);
        await using var back = new RunningAgent(gateway, new FakeBackend(), agent.WithSameKey);
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

    [Fact]
    public async Task Where_http2_does_not_get_through_the_long_poll_carries_the_link()
    {
        await using var gateway = await LinkGateway.StartAsync();
        gateway.Options.Http2Port = gateway.Address.Port; // Speaks HTTP/1.1 only, as some proxies do.
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(gateway, backend);
        var task = await gateway.SubmitAsync();

        var run = await backend.NextAsync();
        await run.WriteAsync("through");
        run.Finish();

        Assert.Equal("through", await LinkGateway.ResultAsync(task));
        Assert.Equal(LinkCarrierName.Turn, gateway.CarrierOf(gateway.Registry.List()[0].Id));
    }
}

/// <summary>Names of carriers as <c>GET /v1/hosts</c> shows them.</summary>
internal static class LinkCarrierName
{
    public const string Turn = "turn";
}
