using System.Net;
using System.Net.Http.Json;
using Pollard.Gateway.Hosts;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>An admin looks at who is in the pool.</summary>
public sealed class HostListTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Hosts_are_listed_page_by_page()
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();
        await using var agent = new RunningAgent(gateway, new FakeBackend(), gateway.Choose("h2"));
        await gateway.UntilHostsAsync(1);
        for (var i = 0; i < 4; i++)
        {
            await gateway.Registry.EnrolAsync($"key {i}", $"host {i}", JoinTerms.Usual, Token);
        }

        var pages = new List<HostList>();
        do
        {
            var after = pages is [.., { Next: { } next }] ? $"&after={next}" : "";
            pages.Add(await ListAsync(admin, $"?limit=2{after}"));
        } while (pages[^1].Next is not null);

        Assert.Equal([2, 2, 1], pages.Select(page => page.Hosts.Count));
        Assert.All(pages, page => Assert.Equal(5, page.Total));
        Assert.Equal(
            gateway.Registry.List().Select(host => host.Id),
            pages.SelectMany(page => page.Hosts).Select(host => host.Id)
        );
        var online = await ListAsync(admin, "?state=online&limit=1");
        Assert.Equal((1, 1), (online.Total, online.Hosts.Count));
        Assert.Equal(4, (await ListAsync(admin, "?state=offline")).Total);
    }

    [Theory]
    [InlineData("state=away")]
    [InlineData("limit=0")]
    [InlineData("limit=1001")]
    [InlineData("limit=x")]
    [InlineData("after=host_nobody")]
    public async Task A_wrong_question_is_refused_in_words(string query)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var admin = gateway.NewClient();

        using var answer = await admin.GetAsync($"/v1/hosts?{query}", Token);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync(ProtocolJson.Default.Problem, Token);
        Assert.Contains(query.Split('=')[0], problem!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_key_is_the_same_host_under_its_new_name()
    {
        await using var gateway = await LinkGateway.StartAsync();

        var first = await gateway.Registry.EnrolAsync("key", "old", JoinTerms.Usual, Token);
        var again = await gateway.Registry.EnrolAsync("key", "new", JoinTerms.Usual, Token);

        Assert.Equal(first!.Id, again!.Id);
        Assert.Equal("new", Assert.Single(gateway.Registry.List()).Name);
    }

    private static async Task<HostList> ListAsync(HttpClient admin, string query) =>
        (await admin.GetFromJsonAsync($"/v1/hosts{query}", ProtocolJson.Default.HostList, Token))!;
}
