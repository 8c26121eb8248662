using System.Net;
using Pollard.Tasks;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>An admin takes a host out of the pool and puts it back.</summary>
public sealed class HostDrainTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task A_drained_host_finishes_what_it_has_and_gets_no_more_until_it_is_resumed(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(gateway, backend, gateway.Choose(carrier));
        var running = await gateway.SubmitAsync();
        var run = await backend.NextAsync();
        await run.WriteAsync("begun, ");
        var host = gateway.Registry.List()[0].Id;

        using var drained = await admin.PostAsync($"/v1/hosts/{host}/drain", null, Token);
        var waiting = await gateway.SubmitAsync();
        await run.WriteAsync("ended");
        run.Finish();

        Assert.Equal(HttpStatusCode.OK, drained.StatusCode);
        Assert.Equal("begun, ended", await LinkGateway.ResultAsync(running));
        Assert.Equal(TaskState.Pending, waiting.Row.State);
        using var resumed = await admin.PostAsync($"/v1/hosts/{host}/resume", null, Token);
        (await backend.NextAsync()).Finish();
        Assert.Equal("", await LinkGateway.ResultAsync(waiting));
    }

    [Theory]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task What_is_not_done_by_the_deadline_goes_to_another_host(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();
        var first = new FakeBackend();
        await using var drained = new RunningAgent(gateway, first, gateway.Choose(carrier));
        var task = await gateway.SubmitAsync();
        var run = await first.NextAsync();
        var second = new FakeBackend();
        await using var other = new RunningAgent(gateway, second, gateway.Choose(carrier));
        await gateway.UntilHostsAsync(2);
        var host = gateway.Engine.Hosts.List().Single(host => host.Running == 1).Description.Id;

        using var answer = await admin.PostAsync($"/v1/hosts/{host}/drain?deadline=0", null, Token);

        await run.StoppedAsync();
        var again = await second.NextAsync();
        await again.WriteAsync("elsewhere");
        again.Finish();
        Assert.Equal("elsewhere", await LinkGateway.ResultAsync(task));
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("soon")]
    [InlineData("1e300")]
    [InlineData("604801")]
    public async Task A_deadline_that_is_none_is_refused(string deadline)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();

        using var answer = await admin.PostAsync($"/v1/hosts/any/drain?deadline={deadline}", null, Token);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task A_host_that_was_drained_stays_so_when_its_link_is_made_anew()
    {
        await using var gateway = await LinkGateway.StartAsync();
        await using var proxy = new Testing.CuttableProxy(gateway.Http2Port);
        gateway.Options.Http2Port = proxy.Port;
        using var admin = gateway.NewClient();
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(gateway, backend, gateway.Choose("h2"));
        await gateway.UntilHostsAsync(1);
        var host = gateway.Registry.List()[0].Id;
        using var drained = await admin.PostAsync($"/v1/hosts/{host}/drain", null, Token);

        var epoch = gateway.Server.Find(host)!.Epoch;
        proxy.Cut();
        await gateway.UntilAsync(() => gateway.Server.Find(host)?.Epoch > epoch);
        await gateway.UntilHostsAsync(1);
        var task = await gateway.SubmitAsync();

        Assert.Equal(TaskState.Pending, task.Row.State);
        Assert.True(Assert.Single(gateway.Engine.Hosts.List()).Draining);
        using var resumed = await admin.PostAsync($"/v1/hosts/{host}/resume", null, Token);
        (await backend.NextAsync()).Finish();
        Assert.Equal("", await LinkGateway.ResultAsync(task));
    }
}
