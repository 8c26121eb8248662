using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks.Leases;
using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

/// <summary>Which host gets a task, and which task a host.</summary>
public class ChoiceTests
{
    [Fact]
    public async Task An_owners_task_goes_to_its_own_host_when_that_is_free()
    {
        await using var gateway = await TestEngine.StartAsync();
        TestHost[] others = [.. Enumerable.Range(0, 9).Select(i => new TestHost(gateway.Engine, $"h{i}", "m").Ready())];
        var own = TestHost.With(gateway.Engine, "own", static host => host with { Owner = "ann" }).Ready();

        await gateway.SubmitAsync(owner: "ann");
        await own.UntilWorkAsync();
        await gateway.SubmitAsync(owner: "ann");

        Assert.False(own.HasOffer);
        Assert.Single(others, static host => host.HasOffer);
    }

    [Fact]
    public async Task A_host_serves_its_owner_first_and_then_others()
    {
        await using var gateway = await TestEngine.StartAsync();
        var other = await gateway.SubmitAsync("m", owner: "bob", priority: 9);
        var first = await gateway.SubmitAsync("n", owner: "ann", priority: 1);
        var second = await gateway.SubmitAsync("m", owner: "ann");
        var own = TestHost
            .With(
                gateway.Engine,
                "own",
                static host =>
                    host with
                    {
                        Owner = "ann",
                        Models = [new ModelInfo { Name = "m" }, new ModelInfo { Name = "n" }],
                    }
            )
            .Ready();

        var order = new List<TaskId>();
        for (var i = 0; i < 3; i++)
        {
            var attempt = await own.UntilWorkAsync();
            order.Add(attempt.TaskId);
            TestHost.Finish(attempt);
        }

        Assert.Equal([first.Row.Id, second.Row.Id, other.Row.Id], order);
    }

    [Fact]
    public async Task What_a_prompt_begins_with_leads_to_the_host_that_read_it_but_not_for_another_owner()
    {
        await using var gateway = await TestEngine.StartAsync();
        TestHost[] hosts = [.. Enumerable.Range(0, 16).Select(i => new TestHost(gateway.Engine, $"h{i}", "m").Ready())];
        var begun = new PromptPrefix(7, 5_000);
        var reader = await ServeAsync("ann", new(default, default, begun));

        var asked = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            asked.Add(await ServeAsync("ann", new(default, begun, default)));
        }

        var foreign = new List<string>();
        for (var i = 0; i < 8; i++)
        {
            foreign.Add(await ServeAsync($"owner{i}", new(default, begun, default)));
        }

        Assert.All(asked, host => Assert.Equal(reader, host));
        Assert.Contains(foreign, host => host != reader);

        async Task<string> ServeAsync(string owner, PromptPrefixes prefixes)
        {
            await gateway.SubmitAsync(owner: owner, with: task => task with { Prefixes = prefixes });
            var attempt = await hosts.Single(static host => host.HasOffer).UntilWorkAsync();
            TestHost.Finish(attempt);
            return attempt.HostId;
        }
    }

    [Theory]
    [InlineData(false, "cancelled")]
    [InlineData(false, "rejected")]
    [InlineData(true, "failed")]
    [InlineData(true, "lost")]
    [InlineData(false, "lost with many")]
    public async Task Only_what_a_host_did_itself_counts_against_it(bool counts, string how)
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        TestHost[] others = [.. Enumerable.Range(0, 9).Select(i => new TestHost(gateway.Engine, $"h{i}", "x").Ready())];
        var task = await gateway.SubmitAsync(with: static task => task with { MaxAttempts = 1 });
        var attempt = await host.UntilWorkAsync();

        switch (how)
        {
            case "cancelled":
                await gateway.Engine.CancelAsync(task, "the client left", TestContext.Current.CancellationToken);
                break;
            case "rejected":
                TestHost.Fail(attempt, "bad_request", retryable: false);
                break;
            case "failed":
                TestHost.Fail(attempt);
                break;
            default:
                host.Connection.Disconnect();
                foreach (var other in others.Where(_ => how == "lost with many"))
                {
                    other.Connection.Disconnect();
                }

                gateway.Clock.Advance(TimeSpan.FromSeconds(1));
                gateway.Clock.Advance(TimeSpan.FromSeconds(20));
                break;
        }

        await TestEngine.EndAsync(task);
        Assert.Equal(counts, attempt.Forecast!.Value.Rate.Reliability < 1);
    }

    [Fact]
    public void A_rate_tells_the_reading_of_a_request_from_the_writing_of_its_answer()
    {
        var rate = new WorkRate(memory: 5);
        for (var i = 0; i < 40; i++)
        {
            var bytes = 1_000 * (1 + (i % 5));
            rate.Note(new WorkSample(bytes, 0.5 + (bytes / 10_000.0), RestSeconds: 4, Tokens: 200));
        }

        Assert.Equal(0.5 + 2, rate.FirstSeconds(20_000), 0.2);
        Assert.Equal(0.5 + 2 + 2, rate.Seconds(20_000, tokens: 100), 0.2);
        Assert.Equal(50, rate.TokensPerSecond!.Value, 0.1);
    }

    [Fact]
    public async Task Work_waits_for_the_busy_host_that_has_its_model_loaded_but_no_longer_than_two_loads()
    {
        await using var gateway = await TestEngine.StartAsync();
        var busy = Telling(gateway, "busy", loaded: "x");
        await gateway.SubmitAsync("x");
        await busy.UntilWorkAsync();
        var free = Telling(gateway, "free", loaded: "y");

        var waiting = await gateway.SubmitAsync("x");

        Assert.False(free.HasOffer);
        var why = gateway.Engine.Why(waiting);
        Assert.Contains("has the model in memory", why.Summary, StringComparison.Ordinal);
        Assert.Contains(why.Hosts, static host => host.Reason.Contains("have to load", StringComparison.Ordinal));
        gateway.Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(waiting.Row.Id, (await free.UntilWorkAsync()).TaskId);
    }

    [Fact]
    public async Task Work_goes_to_the_free_host_that_has_its_model_loaded()
    {
        await using var gateway = await TestEngine.StartAsync();
        TestHost[] others = [.. Enumerable.Range(0, 20).Select(i => Telling(gateway, $"h{i}", loaded: "y"))];
        var right = Telling(gateway, "right", loaded: "x");

        for (var i = 0; i < 10; i++)
        {
            await gateway.SubmitAsync("x");
            TestHost.Finish(await right.UntilWorkAsync());
        }

        Assert.All(others, static host => Assert.False(host.HasOffer));
    }

    [Fact]
    public async Task What_hosts_were_measured_to_do_is_listed()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();
        gateway.Clock.Advance(TimeSpan.FromSeconds(1));
        TestHost.Say(attempt, new string('x', 400));
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));
        TestHost.Finish(attempt);

        var rates = gateway.Engine.Hosts.List().Single().Rates;

        Assert.Equal([new MeasuredRate("m", "chat", TokensPerSecond: 50, LoadSeconds: null, Reliability: 1)], rates);
    }

    [Theory]
    [InlineData(TrustTier.Community, 4)] // A token is a byte at least.
    [InlineData(TrustTier.Trusted, 1_000_000)] // Its thoughts may have been left out.
    public async Task A_volunteers_host_is_not_as_fast_as_it_says_when_that_cannot_be(TrustTier tier, double most)
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = TestHost.With(gateway.Engine, "host", host => host with { Tier = tier }).Ready();
        await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();
        TestHost.Say(attempt, "12345678");
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));

        TestHost.Finish(attempt, usage: """{"completion_tokens":2000000}""");

        Assert.Equal(most, gateway.Engine.Hosts.List().Single().Rates.Single().TokensPerSecond);
    }

    [Fact]
    public async Task No_host_that_lacks_what_a_task_requires_is_chosen()
    {
        await using var gateway = await TestEngine.StartAsync();
        TestHost[] hosts =
        [
            Add("short", TrustTier.Own, context: 4_000, ["tools"], ["eu"]),
            Add("plain", TrustTier.Own, context: 100_000, [], ["eu"]),
            Add("elsewhere", TrustTier.Own, context: 100_000, ["tools"], ["us"]),
            Add("stranger", TrustTier.Community, context: 100_000, ["tools"], ["eu"]),
            Add("right", TrustTier.Trusted, context: 100_000, ["tools"], ["eu"]),
        ];

        for (var i = 0; i < 20; i++)
        {
            await gateway.SubmitAsync(with: static task =>
                task with
                {
                    Requires = new TaskRequirements
                    {
                        Context = 32_000,
                        Features = ["tools"],
                        Labels = ["eu"],
                        Tier = TrustTier.Trusted,
                    },
                }
            );
            Assert.Equal([false, false, false, false, true], hosts.Select(static host => host.HasOffer));
            TestHost.Finish(await hosts[^1].UntilWorkAsync());
        }

        TestHost Add(string id, TrustTier tier, int context, string[] features, string[] labels) =>
            TestHost
                .With(
                    gateway.Engine,
                    id,
                    host =>
                        host with
                        {
                            Tier = tier,
                            Labels = labels,
                            Models =
                            [
                                new ModelInfo
                                {
                                    Name = "m",
                                    Context = context,
                                    Capabilities = features,
                                },
                            ],
                        }
                )
                .Ready();
    }

    private static TestHost Telling(TestEngine gateway, string id, string loaded) =>
        TestHost
            .With(
                gateway.Engine,
                id,
                host =>
                    host with
                    {
                        Models =
                        [
                            new ModelInfo { Name = "x", Loaded = loaded == "x" },
                            new ModelInfo { Name = "y", Loaded = loaded == "y" },
                        ],
                    }
            )
            .Ready();
}
