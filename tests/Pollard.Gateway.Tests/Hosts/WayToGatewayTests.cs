using Pollard.Testing;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>Agents whose gateway is behind TLS of its owner's own, and behind a proxy on their way out.</summary>
public sealed class WayToGatewayTests : IDisposable
{
    private readonly PrivateAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Theory]
    [InlineData("h2", false)]
    [InlineData("ws", false)]
    [InlineData("turn", false)]
    [InlineData("h2", true)]
    [InlineData("ws", true)]
    [InlineData("turn", true)]
    public async Task Every_carrier_goes_by_the_proxy_and_believes_the_authority_that_are_named(
        string carrier,
        bool hasProxy
    )
    {
        await using var gateway = await LinkGateway.StartAsync(certificate: _authority.Server);
        await using var proxy = new ForwardProxy();
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(
            gateway,
            backend,
            options =>
                gateway.Choose(carrier)(options) with
                {
                    CertificateAuthorities = _authority.Authorities,
                    Proxy = hasProxy ? proxy.Url : null,
                }
        );

        await gateway.UntilHostsAsync(1);
        var task = await gateway.SubmitAsync();
        (await backend.NextAsync()).Finish();

        Assert.Equal("", await LinkGateway.ResultAsync(task));
        Assert.Equal(carrier, gateway.CarrierOf(gateway.Engine.Hosts.List().Single().Description.Id));
        Assert.Equal(hasProxy, proxy.Requests.Count > 0);
    }

    [Fact]
    public async Task Every_carrier_goes_by_the_proxy_in_the_clear()
    {
        await using var gateway = await LinkGateway.StartAsync();
        await using var proxy = new ForwardProxy();
        await using var agent = new RunningAgent(
            gateway,
            new FakeBackend(),
            options => options with { Proxy = proxy.Url }
        );

        await gateway.UntilHostsAsync(1);

        Assert.Equal("ws", gateway.CarrierOf(gateway.Engine.Hosts.List().Single().Description.Id)); // HTTP/2 in the clear has no way there.
        Assert.Contains(proxy.Requests, request => request.StartsWith("CONNECT ", StringComparison.Ordinal));
    }
}
