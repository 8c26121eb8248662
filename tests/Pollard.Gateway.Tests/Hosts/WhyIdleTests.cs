using System.Net.Http.Json;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A host that gets no work though some waits is told why.</summary>
public sealed class WhyIdleTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("h2")]
    [InlineData("turn")]
    public async Task The_owner_hears_for_which_models_work_waits_and_admins_see_the_same(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();
        var log = new WaitingLog("This host gets no work");
        await using var agent = new RunningAgent(gateway, new FakeBackend("m"), gateway.Choose(carrier), log);
        await gateway.UntilHostsAsync(1);
        await gateway.SubmitAsync("other");
        await gateway.SubmitAsync("other");

        var heard = await log.HeardAsync();
        var host = (await admin.GetFromJsonAsync("/v1/hosts", ProtocolJson.Default.HostList, Token))!.Hosts.Single();

        const string Why = "tasks wait, but not for it: it does not have the model other (2)";
        Assert.EndsWith(Why, heard, StringComparison.Ordinal);
        Assert.Equal(Why, host.Reason);
    }

    [Fact]
    public async Task Each_requirement_that_it_does_not_meet_is_named()
    {
        await using var gateway = await LinkGateway.StartAsync();
        await using var agent = new RunningAgent(gateway, new FakeBackend("m"), gateway.Choose("memory"));
        await gateway.UntilHostsAsync(1);
        await SubmitAsync(gateway, new TaskRequirements { Labels = ["gpu"] });
        await SubmitAsync(gateway, new TaskRequirements { Labels = ["gpu"] });
        await SubmitAsync(gateway, new TaskRequirements { Features = ["vision"] });
        await SubmitAsync(gateway, new TaskRequirements { Host = "another" });

        var why = gateway.Engine.Hosts.Waiting().WhyIdle("local");

        Assert.Equal(
            """tasks wait, but not for it: it does not have the label "gpu" (2); it cannot do "vision" with m (1); it is not the host that is asked for (1)""",
            why
        );
    }

    [Fact]
    public async Task A_drained_host_hears_that_and_one_with_work_or_where_none_waits_hears_nothing()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var backend = new FakeBackend("m");
        await using var agent = new RunningAgent(gateway, backend, gateway.Choose("memory"));
        await gateway.UntilHostsAsync(1);

        Assert.Null(gateway.Engine.Hosts.Waiting().WhyIdle("local"));
        await gateway.SubmitAsync("m");
        var run = await backend.NextAsync();
        await gateway.SubmitAsync("other");
        Assert.Null(gateway.Engine.Hosts.Waiting().WhyIdle("local"));
        gateway.Engine.Hosts.SetDraining("local", draining: true);

        Assert.Contains("drained", gateway.Engine.Hosts.Waiting().WhyIdle("local"), StringComparison.Ordinal);
        Assert.Null(gateway.Engine.Hosts.Waiting().WhyIdle("nobody"));
        run.Finish();
    }

    [Fact]
    public async Task A_host_that_has_the_model_and_left_is_known_until_it_is_back()
    {
        await using var gateway = await LinkGateway.StartAsync();
        await using (var agent = new RunningAgent(gateway, new FakeBackend("m:latest"), gateway.Choose("h2")))
        {
            await gateway.UntilHostsAsync(1);
            Assert.Empty(gateway.Registry.Absent("m"));
        }

        await gateway.UntilHostsAsync(0);
        while (gateway.Registry.List()[0].Linked)
        {
            await Task.Yield(); // It is written down just after the host is taken out of the pool.
        }

        Assert.Equal("test host", Assert.Single(gateway.Registry.Absent("m")).Name);
        Assert.Empty(gateway.Registry.Absent("other"));
        Assert.True(gateway.Registry.HadModel("m:latest", TimeSpan.FromMinutes(1), isAbsent: true));
    }

    private static async Task SubmitAsync(LinkGateway gateway, TaskRequirements requires)
    {
        var submission = await gateway.Engine.SubmitAsync(
            new NewTask
            {
                Owner = "",
                Kind = "chat",
                Model = "m",
                Request = "{}"u8.ToArray(),
                Requires = requires,
            },
            Token
        );
        Assert.Equal(SubmitOutcome.Accepted, submission.Outcome);
    }
}
