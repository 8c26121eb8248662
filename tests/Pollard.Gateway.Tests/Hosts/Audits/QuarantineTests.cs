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
