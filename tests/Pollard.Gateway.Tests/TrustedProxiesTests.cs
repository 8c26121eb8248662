using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Tests.Andy;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>Whose word counts for where a request came from.</summary>
public sealed class TrustedProxiesTests
{
    private const string ForwardedFor = "X-Forwarded-For";
    private const string Proxy = "127.0.0.2";
    private const string Models = "/api/andy/v1/models";
    private const int Burst = 10; // What a stranger may ask at once.
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));

    [Fact]
    public async Task Callers_of_a_trusted_proxy_are_told_apart()
    {
        await using var gateway = await StartAsync(Behind(Proxy), time: _clock);
        using var proxy = gateway.NewClientAt(Proxy);

        for (var i = 0; i < Burst; i++)
        {
            await JsonOf(AskAsync(proxy, "203.0.113.1"));
        }

        await JsonOf(AskAsync(proxy, "203.0.113.1"), 429);
        await JsonOf(AskAsync(proxy, "203.0.113.2"));
    }

    [Theory]
    [InlineData("127.0.0.3")] // Another machine.
    [InlineData(null)] // This one, which is believed only where it is named.
    public async Task A_stranger_that_claims_to_be_somebody_is_counted_as_itself(string? address)
    {
        await using var gateway = await StartAsync(Behind(Proxy), time: _clock);
        using var stranger = address is null ? gateway.NewClient(null) : gateway.NewClientAt(address);

        for (var i = 0; i < Burst; i++)
        {
            await JsonOf(AskAsync(stranger, $"203.0.113.{i}"));
        }

        await JsonOf(AskAsync(stranger, "203.0.113.99"), 429);
    }

    [Fact]
    public async Task What_a_stranger_wrote_before_the_proxys_own_word_is_not_believed()
    {
        await using var gateway = await StartAsync(Behind(Proxy, "10.1.0.0/16"), time: _clock);
        using var proxy = gateway.NewClientAt(Proxy);

        for (var i = 0; i < Burst; i++)
        {
            await JsonOf(AskAsync(proxy, $"198.51.100.{i}, 203.0.113.1, 10.1.2.3")); // The last is a second proxy of ours.
        }

        await JsonOf(AskAsync(proxy, "203.0.113.1"), 429);
    }

    [Fact]
    public async Task Without_such_proxies_nobody_is_believed()
    {
        await using var gateway = await StartAsync(Behind(), time: _clock);
        using var proxy = gateway.NewClientAt(Proxy);

        for (var i = 0; i < Burst; i++)
        {
            await JsonOf(AskAsync(proxy, $"203.0.113.{i}"));
        }

        await JsonOf(AskAsync(proxy, "203.0.113.99"), 429);
    }

    [Fact]
    public async Task The_id_of_an_Andy_host_is_good_at_the_address_that_its_proxy_names()
    {
        await using var gateway = await StartAsync(Behind(Proxy), time: _clock);
        using var proxy = gateway.NewClientAt(Proxy);
        const string From = "203.0.113.1";
        var joined = await JsonOf(PostAsync(proxy, "/api/join_pool", """{"models":["m"]}""", (ForwardedFor, From)));
        var ping = $$"""{"host_id":"{{joined.GetProperty("host_id").GetString()}}"}""";

        await JsonOf(PostAsync(proxy, "/api/ping_pool", ping, (ForwardedFor, "203.0.113.2")), 404);
        await JsonOf(PostAsync(proxy, "/api/ping_pool", ping), 404);
        await JsonOf(PostAsync(gateway.NewClient(null), "/api/ping_pool", ping, (ForwardedFor, From)), 404);
        await JsonOf(PostAsync(proxy, "/api/ping_pool", ping, (ForwardedFor, From)));
    }

    [Theory]
    [InlineData(Proxy, false)]
    [InlineData("127.0.0.3", true)]
    public async Task Only_a_trusted_proxy_says_that_the_request_came_over_TLS(string address, bool hasOwnPort)
    {
        await using var gateway = await StartAsync(Behind(Proxy), time: _clock);
        using var client = gateway.NewClientAt(address);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/host/v1");
        request.Headers.Add("X-Forwarded-Proto", "https");
        request.Headers.Add(ForwardedFor, "203.0.113.1");

        var directory = await JsonOf(client.SendAsync(request, Token));

        // With TLS one port has all carriers.
        Assert.Equal(
            hasOwnPort,
            directory.TryGetProperty("http2_port", out var port) && port.ValueKind == JsonValueKind.Number
        );
    }

    [Fact]
    public async Task Whoever_comes_through_a_trusted_proxy_is_not_on_this_machine()
    {
        await using var gateway = await StartAsync(options => Trust(options, "127.0.0.1"), time: _clock);

        await JsonOf(gateway.NewClient(null).GetAsync("/v1/tasks", Token), 401);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var join = $$"""{"public_key":"{{Convert.ToBase64String(key.ExportSubjectPublicKeyInfo())}}","name":"n"}""";
        await JsonOf(PostAsync(gateway.NewClient(null), "/host/v1/enroll", join), 401);
        Assert.NotNull(gateway.Server.FirstAdminKey);
    }

    [Theory]
    [InlineData("203.0.113.1", 403)]
    [InlineData("127.0.0.1, 203.0.113.1", 403)]
    [InlineData("unknown", 403)]
    [InlineData("127.0.0.1", 200)]
    [InlineData("[::1]:4711", 200)]
    public async Task Without_keys_what_a_proxy_brings_from_elsewhere_is_refused(string caller, int status)
    {
        await using var gateway = await StartAsync(time: _clock);

        using var response = await gateway.GetAsync("/v1/models", (ForwardedFor, caller));

        Assert.Equal(status, (int)response.StatusCode);
    }

    private static Func<GatewayOptions, GatewayOptions> Behind(params string[] proxies) =>
        options => Trust(options, proxies) with { RequireKeys = true, AndyOpen = true };

    private static GatewayOptions Trust(GatewayOptions options, params string[] proxies) =>
        options with
        {
            TrustedProxies =
            [
                .. proxies.Select(static proxy =>
                    IPNetwork.Parse(proxy.Contains('/', StringComparison.Ordinal) ? proxy : proxy + "/32")
                ),
            ],
        };

    private static Task<HttpResponseMessage> AskAsync(HttpClient client, string forwardedFor)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, Models);
        request.Headers.Add(ForwardedFor, forwardedFor);
        return client.SendAsync(request, Token);
    }
}
