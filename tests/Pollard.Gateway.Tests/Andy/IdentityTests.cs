using System.Net;
using System.Text.Json.Nodes;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Andy;

/// <summary>Where the first pool let anybody speak for any host: an id is good at one address, and shown nowhere else.</summary>
public sealed class IdentityTests
{
    private const string Model = "andy-4";
    private const string Elsewhere = "127.0.0.2";

    [Fact]
    public async Task An_id_is_shown_at_its_own_address_only()
    {
        await using var gateway = await StartAsync();
        using var away = gateway.NewClientAt(Elsewhere);
        var client = NewClient(gateway.Client);
        await client.JoinAsync();
        var other = NewClient(away);

        var own = await client.HostIdsAsync();
        var others = await other.HostIdsAsync();

        Assert.Matches("^[0-9a-f]{32}$", client.Id);
        Assert.Equal([client.Id], own);
        Assert.DoesNotContain(client.Id, others);
        Assert.Equal(others, await other.HostIdsAsync()); // Always the same, so that lists can be compared.
        Assert.Equal(HttpStatusCode.NotFound, await client.PingAsync(others[0])); // And it opens nothing.
    }

    [Fact]
    public async Task Who_knows_an_id_elsewhere_can_do_nothing_with_it()
    {
        await using var gateway = await StartAsync();
        using var away = gateway.NewClientAt(Elsewhere);
        var client = NewClient(gateway.Client);
        await client.JoinAsync();
        var thief = NewClient(away);

        var asked = AskAsync(gateway);
        using var stolen = await away.SendAsync(thief.AskRequest(client.Id), Token);
        var ping = await thief.PingAsync(client.Id);
        await thief.LeaveAsync(client.Id);
        var work = await client.UntilWorkAsync();
        await thief.SubmitAsync(work, Says("stolen"));
        await client.SubmitAsync(work, Says("mine"));

        Assert.Equal(HttpStatusCode.NotFound, stolen.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, ping);
        Assert.Equal("mine", await asked);
        Assert.Equal(HttpStatusCode.OK, await client.PingAsync());
    }

    [Fact]
    public async Task An_id_that_a_host_chose_leads_to_it_at_its_own_address_and_is_nobodys_elsewhere()
    {
        await using var gateway = await StartAsync();
        using var away = gateway.NewClientAt(Elsewhere);
        var client = NewClient(gateway.Client);
        await client.JoinAsync("test_host_1");
        var first = client.Id;
        await client.JoinAsync("test_host_1");
        var other = NewClient(away);
        await other.JoinAsync("test_host_1");

        var asked = AskAsync(gateway);
        await other.LeaveAsync("test_host_1");
        var work = await client.AskAsync("test_host_1", ct: Token);
        await client.SubmitAsync(work!.Value, Says("mine"));

        Assert.NotEqual("test_host_1", first);
        Assert.Equal(first, client.Id); // The same host: it is proven by its address and its own choice.
        Assert.NotEqual(first, other.Id);
        Assert.Equal("mine", await asked);
    }

    [Fact]
    public async Task A_host_cannot_choose_the_id_of_another()
    {
        await using var gateway = await StartAsync();
        using var away = gateway.NewClientAt(Elsewhere);
        var client = NewClient(gateway.Client);
        await client.JoinAsync();
        var thief = NewClient(away);

        await thief.JoinAsync(client.Id);

        Assert.NotEqual(client.Id, thief.Id);
        Assert.Equal(2, gateway.Engine.Hosts.List().Count);
    }

    [Theory]
    [InlineData("1c")] // One id, shipped with the program.
    [InlineData("4")] // An empty one.
    public async Task Hosts_with_the_same_uuid_are_not_the_same(string generation)
    {
        await using var gateway = await StartAsync();
        var one = new AndyClient(gateway.Client, Generation.Of(generation), Model);
        var other = new AndyClient(gateway.Client, Generation.Of(generation), Model);
        await one.JoinAsync();
        await other.JoinAsync();

        await one.LeaveAsync();

        Assert.NotEqual(one.Id, other.Id);
        Assert.Equal(HttpStatusCode.OK, await other.PingAsync());
    }

    [Fact]
    public async Task The_made_up_id_of_an_old_program_removes_the_host_of_that_name_at_its_address()
    {
        await using var gateway = await StartAsync();
        using var away = gateway.NewClientAt(Elsewhere);
        var client = new AndyClient(gateway.Client, Generation.Of("1b"), Model);
        var other = new AndyClient(away, Generation.Of("1b"), Model);
        await client.JoinAsync();
        await other.JoinAsync();

        await client.LeaveAsync("host_box");

        Assert.Equal(HttpStatusCode.NotFound, await client.PingAsync());
        Assert.Equal(HttpStatusCode.OK, await other.PingAsync());
    }

    [Fact]
    public async Task A_name_does_not_make_a_host_one_that_work_may_ask_for()
    {
        await using var gateway = await StartAsync();
        var client = new AndyClient(gateway.Client, Generation.Of("1b"), Model);
        await client.JoinAsync();

        var host = Assert.Single(gateway.Engine.Hosts.List()).Description;

        Assert.Equal("andy:box", host.Name);
        Assert.Equal(["community"], host.Labels);
        Assert.DoesNotContain(client.Id, host.Id);
    }

    [Fact]
    public async Task Where_keys_are_needed_a_host_brings_a_token_or_the_owner_opens_the_pool()
    {
        await using var closed = await StartAsync(options => options with { RequireKeys = true });
        await using var open = await StartAsync(options => options with { RequireKeys = true, AndyOpen = true });
        var made = await JsonOf(closed.PostAsync("/v1/tokens", """{"uses":1}"""), 201);
        var token = made.GetProperty("token").GetString()!;
        const string Join = """{"models":["andy-4"]}""";

        await JsonOf(PostAsync(closed.NewClient(null), "/api/andy/join_pool", Join), 401);
        await JsonOf(PostAsync(closed.NewClient(null), "/api/join_pool", Join, ("X-Client-Token", "jt_wrong")), 401);
        var joined = await JsonOf(PostAsync(closed.NewClient(null), "/api/join_pool", Join, ("X-Client-Token", token)));
        await JsonOf(PostAsync(closed.NewClient(token), "/api/join_pool", Join), 401); // It was good once.
        var ping = $$"""{"host_id":"{{joined.GetProperty("host_id").GetString()}}"}""";
        await JsonOf(PostAsync(closed.NewClient(null), "/api/ping_pool", ping)); // From here on its id is enough.
        await JsonOf(PostAsync(open.NewClient(null), "/api/andy/join_pool", Join));
    }

    private static AndyClient NewClient(HttpClient http) => new(http, Generation.Of("4"), Model);

    private static JsonObject Says(string text) =>
        new() { ["result"] = new JsonObject { ["message"] = new JsonObject { ["content"] = text } } };

    private static async Task<string?> AskAsync(TestGateway gateway)
    {
        var answer = await JsonOf(
            gateway.PostAsync(
                "/v1/chat/completions",
                $$"""{"model":"{{Model}}","temperature":1,"messages":[{"role":"user","content":"hello"}]}"""
            )
        );
        return answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
    }
}
