using System.Text;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts.Audits;

/// <summary>What a quarantined host hears of it.</summary>
public sealed class QuarantineTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_is_told_why_it_gets_no_work_whenever_it_comes_and_when_it_does_again()
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();
        var terms = new JoinTerms(TrustTier.Community);
        var id = (await gateway.Registry.EnrolAsync("key", "box", terms, Token))!.Id;
        await gateway.Registry.SetQuarantinedAsync(id, quarantined: true, Token);

        var link = await RawLink.OpenAsync(gateway, id);
        var (_, told) = await link.UntilAsync(FrameType.Drain);
        var task = await gateway.SubmitAsync();
        var why = gateway.Engine.Why(task).Hosts.Single();
        using var released = await admin.PostAsync($"/v1/hosts/{id}/release", null, Token);
        await link.UntilOfferAsync();
        await link.UntilAsync(FrameType.Config);
        link.End();

        Assert.Contains("quarantined", Encoding.UTF8.GetString(told), StringComparison.Ordinal);
        Assert.False(why.Can);
        Assert.StartsWith("is quarantined: ", why.Reason, StringComparison.Ordinal);
        Assert.NotNull(why.QuarantinedAt);
    }

    [Fact]
    public async Task Whoever_asks_why_a_task_waits_hears_of_it_and_an_admin_since_when()
    {
        await using var gateway = await TestGateway.StartAsync(options => options with { RequireKeys = true });
        var key = await TestGateway.JsonOf(gateway.PostAsync("/v1/keys", """{"name":"one"}"""), 201);
        var client = gateway.NewClient(key.GetProperty("key").GetString());
        var host = gateway.Connect(TrustTier.Community, "m");
        var since = DateTimeOffset.UnixEpoch.AddDays(20_000);
        gateway.Engine.Hosts.SetQuarantined(gateway.Engine.Hosts.List().Single().Description.Id, since);
        const string Submit = """{"kind":"chat","model":"m","request":{"messages":[{"role":"user","content":"hi"}]}}""";
        var task = await TestGateway.JsonOf(TestGateway.PostAsync(client, "/v1/tasks", Submit), 202);
        var path = $"/v1/tasks/{task.GetProperty("id").GetString()}/why";

        var told = (await TestGateway.JsonOf(client.GetAsync(path, Token))).GetProperty("hosts")[0];
        var admin = (await TestGateway.JsonOf(gateway.GetAsync(path))).GetProperty("hosts")[0];

        Assert.False(host.HasOffer);
        Assert.Equal(
            "is quarantined: too many of its answers failed their audits",
            told.GetProperty("reason").GetString()
        );
        Assert.False(told.TryGetProperty("quarantined_at", out _));
        Assert.Equal(since, admin.GetProperty("quarantined_at").GetDateTimeOffset());
    }

    [Fact]
    public async Task A_release_does_not_end_a_drain()
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();
        var terms = new JoinTerms(TrustTier.Community);
        var id = (await gateway.Registry.EnrolAsync("key", "box", terms, Token))!.Id;
        await gateway.Registry.SetQuarantinedAsync(id, quarantined: true, Token);
        await gateway.Registry.SetDrainingAsync(id, draining: true, Token);
        var link = await RawLink.OpenAsync(gateway, id);

        using var released = await admin.PostAsync($"/v1/hosts/{id}/release", null, Token);
        await link.UntilAsync(FrameType.Drain);
        var host = gateway.Engine.Hosts.List().Single();

        link.End();

        Assert.True(host.Draining);
    }

    [Fact]
    public async Task Audits_are_for_admins()
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var client = gateway.NewClient(isAdmin: false);

        using var audits = await client.GetAsync("/v1/hosts/any/audits", Token);
        using var release = await client.PostAsync("/v1/hosts/any/release", null, Token);

        Assert.Equal((403, 403), ((int)audits.StatusCode, (int)release.StatusCode));
    }
}
