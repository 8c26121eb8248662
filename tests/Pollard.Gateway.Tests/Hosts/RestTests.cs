using System.Net.Http.Json;
using Pollard.Agent.Owner;
using Pollard.Protocol;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A host whose owner lets it rest: it is shown so, its work waits and says why, and a stand-in that knows the model steps in.</summary>
public sealed class RestTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pollard-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("h2")]
    [InlineData("turn")]
    [InlineData("memory")]
    public async Task The_work_of_a_paused_host_waits_until_it_is_resumed(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(
            gateway,
            backend,
            options => gateway.Choose(carrier)(options) with { HasControl = true, StateDirectory = _folder }
        );
        await gateway.UntilHostsAsync(1);
        var owner = new AgentControl(_folder, TimeProvider.System);

        await owner.PauseAsync(TimeSpan.FromHours(1), Token);
        await gateway.UntilAsync(() => gateway.Engine.Hosts.List().Single().Draining);
        var task = await gateway.SubmitAsync();
        var host = (
            await admin.GetFromJsonAsync("/v1/hosts?state=paused", ProtocolJson.Default.HostList, Token)
        )!.Hosts.Single();
        var why = gateway.Engine.Why(task);

        Assert.Equal(TaskState.Pending, task.Row.State);
        Assert.Equal("paused", host.State);
        Assert.Contains("paused by its owner", host.Reason, StringComparison.Ordinal);
        Assert.NotNull(host.RestsUntil);
        Assert.Contains("paused by its owner", Assert.Single(why.Hosts).Reason, StringComparison.Ordinal);
        Assert.Equal(Serving.Drained, gateway.Engine.Hosts.CanServe("chat", "m"));
        await owner.ResumeAsync(Token);
        (await backend.NextAsync()).Finish();
        Assert.Equal("", await LinkGateway.ResultAsync(task));
    }
}
