using System.Net.Http.Json;
using Pollard.Gateway.Hosts;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>How far a host is trusted comes with its join token, and decides what it gets.</summary>
public sealed class TrustTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_host_is_what_its_token_says_also_after_a_restart()
    {
        await using var gateway = await LinkGateway.StartAsync(isOpen: false);
        using var admin = gateway.NewClient();
        var token = await MakeAsync(admin, """{"tier":"community","owner":"Ada","most_slots":1}""");
        await using var agent = new RunningAgent(
            gateway,
            new FakeBackend(),
            options => options with { JoinToken = token.Token, Slots = 4 }
        );
        await gateway.UntilHostsAsync(1);

        var host = (await admin.GetFromJsonAsync("/v1/hosts", ProtocolJson.Default.HostList, Token))!.Hosts.Single();
        var restarted = new HostRegistry(gateway.Store, TimeProvider.System);
        await restarted.LoadAsync(Token);

        Assert.Equal((TrustTier.Community, "Ada", 1), (host.Tier, host.Owner, host.Slots));
        Assert.Equal("Ada", gateway.Engine.Hosts.List().Single().Description.Owner); // Whose tasks it serves first.
        Assert.Equal((TrustTier.Community, "Ada", 1), (token.Tier, token.Owner, token.MostSlots));
        Assert.Equal(new JoinTerms(TrustTier.Community, "Ada", 1), restarted.Find(host.Id)!.Terms);
    }

    [Fact]
    public async Task A_host_serves_only_the_models_that_its_token_is_for_and_hears_of_the_others()
    {
        await using var gateway = await LinkGateway.StartAsync(isOpen: false);
        using var admin = gateway.NewClient();
        var token = await MakeAsync(admin, """{"models":["llama3*","qwen3"]}""");
        var backend = new FakeBackend("llama3.2:3b", "qwen3:latest", "qwen3:8b", "phi4");
        var log = new WaitingLog("join token");
        await using var agent = new RunningAgent(
            gateway,
            backend,
            options => options with { JoinToken = token.Token },
            log
        );
        await gateway.UntilHostsAsync(1);

        var host = (await admin.GetFromJsonAsync("/v1/hosts", ProtocolJson.Default.HostList, Token))!.Hosts.Single();
        var heard = await log.HeardAsync();

        Assert.Equal(["llama3.2:3b", "qwen3:latest"], host.Models.Select(model => model.Name));
        Assert.Equal(["qwen3:8b", "phi4"], host.ExcludedModels!);
        Assert.Contains("qwen3:8b, phi4", heard, StringComparison.Ordinal);
        Assert.Equal(Serving.None, gateway.Engine.Hosts.CanServe("chat", "phi4"));
        Assert.Equal(["llama3*", "qwen3"], token.Models!);
    }

    [Fact]
    public async Task A_token_for_no_sensible_model_is_not_made()
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();

        foreach (var models in (string[])["[]", """[""]""", """["a b"]""", """[null]"""])
        {
            using var body = new StringContent($$"""{"models":{{models}}}""");
            using var answer = await admin.PostAsync(new Uri("/v1/tokens", UriKind.Relative), body, Token);
            Assert.Equal(System.Net.HttpStatusCode.BadRequest, answer.StatusCode);
        }
    }

    [Theory]
    [InlineData("{}", TrustTier.Trusted)]
    [InlineData("""{"tier":"own"}""", TrustTier.Own)]
    [InlineData(null, TrustTier.Own)]
    public async Task A_host_without_a_token_is_the_owners_and_one_with_a_token_is_trusted(
        string? wanted,
        TrustTier expected
    )
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();
        var token = wanted is null ? null : (await MakeAsync(admin, wanted)).Token;
        await using var agent = new RunningAgent(
            gateway,
            new FakeBackend(),
            options => options with { JoinToken = token }
        );
        await gateway.UntilHostsAsync(1);

        Assert.Equal(expected, gateway.Engine.Hosts.List().Single().Description.Tier);
    }

    [Fact]
    public async Task Work_for_trusted_hosts_waits_for_one_and_says_so()
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();
        var token = await MakeAsync(admin, """{"tier":"community"}""");
        var volunteer = new FakeBackend();
        await using var stranger = new RunningAgent(
            gateway,
            volunteer,
            options => options with { JoinToken = token.Token }
        );
        await gateway.UntilHostsAsync(1);
        var submission = await gateway.Engine.SubmitAsync(
            new NewTask
            {
                Owner = "",
                Kind = "chat",
                Model = "m",
                Request = "{}"u8.ToArray(),
                Requires = new TaskRequirements { Tier = TrustTier.Trusted },
            },
            Token
        );

        var why = gateway.Engine.Why(submission.Task!);
        var friend = new FakeBackend();
        await using var known = new RunningAgent(gateway, friend);
        var run = await friend.NextAsync();
        run.Finish();

        Assert.False(why.Hosts.Single().Can);
        Assert.Contains("is not trusted enough", why.Hosts.Single().Reason, StringComparison.Ordinal);
        Assert.Equal("", await LinkGateway.ResultAsync(submission.Task!));
    }

    [Theory]
    [InlineData("""{"tier":"gold"}""")]
    [InlineData("""{"tier":7}""")]
    [InlineData("""{"most_slots":0}""")]
    public async Task A_token_of_no_such_kind_is_not_made(string wanted)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();

        using var made = await admin.PostAsync("/v1/tokens", new StringContent(wanted), Token);
        var problem = await made.Content.ReadFromJsonAsync(ProtocolJson.Default.Problem, Token);

        Assert.Equal(400, (int)made.StatusCode);
        Assert.Contains("own, trusted or community", problem!.Detail, StringComparison.Ordinal);
        Assert.Empty(gateway.Tokens.List());
    }

    private static async Task<TokenDocument> MakeAsync(HttpClient admin, string wanted)
    {
        using var made = await admin.PostAsync("/v1/tokens", new StringContent(wanted), Token);
        return (await made.Content.ReadFromJsonAsync(ProtocolJson.Default.TokenDocument, Token))!;
    }
}
