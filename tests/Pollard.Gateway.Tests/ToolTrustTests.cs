using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Tests;

/// <summary>Requests with tools go to hosts that are trusted, through every door.</summary>
public sealed class ToolTrustTests
{
    private const string Tools = ""","tools":[{"type":"function","function":{"name":"f"}}]""";

    [Theory]
    [InlineData("/v1/chat/completions", """{"model":"m","messages":[{"role":"user","content":"hi"}]TOOLS}""")]
    [InlineData("/api/chat", """{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}]TOOLS}""")]
    [InlineData(
        "/v1/tasks",
        """{"kind":"chat","model":"m","request":{"messages":[{"role":"user","content":"hi"}]TOOLS}}"""
    )]
    [InlineData(
        "/v1/tasks/submit",
        """{"llm_config":{"model":"m","messages":[{"role":"user","content":"hi"}]TOOLS}}"""
    )]
    public async Task Tools_are_for_trusted_hosts(string path, string body)
    {
        await using var gateway = await TestGateway.StartAsync();
        var stranger = gateway.Connect(TrustTier.Community, "m");
        var plain = gateway.PostAsync(path, body.Replace("TOOLS", "", StringComparison.Ordinal));
        (await stranger.TakeAsync()).Say("yes").Finish();
        using var plainAnswer = await plain;

        var friend = gateway.Connect(TrustTier.Trusted, "m");
        var withTools = gateway.PostAsync(path, body.Replace("TOOLS", Tools, StringComparison.Ordinal));
        (await friend.TakeAsync()).Say("yes").Finish();
        using var answer = await withTools;

        Assert.True(answer.IsSuccessStatusCode);
        Assert.False(stranger.HasOffer);
    }

    [Theory]
    [InlineData("/v1/tasks", """{"kind":"http","model":"wiki","request":{}}""")]
    [InlineData("/v1/teleport/wiki/a", "{}")]
    public async Task Calls_of_tools_are_for_trusted_hosts(string path, string body)
    {
        var wiki = new ModelInfo { Name = "wiki", Kinds = ["http"] };
        await using var gateway = await TestGateway.StartAsync();
        var stranger = FakeHost.Connect(gateway.Engine, wiki, TrustTier.Community);
        var friend = FakeHost.Connect(gateway.Engine, wiki, TrustTier.Trusted);

        for (var i = 0; i < 4; i++) // By chance alone one would come to the stranger, fifteen times out of sixteen.
        {
            var call = gateway.PostAsync(path, body, ("Prefer", "respond-async"));
            _ = await friend.TakeAsync();
            using var answer = await call;
            Assert.True(answer.IsSuccessStatusCode);
        }

        Assert.False(stranger.HasOffer);
    }

    [Fact]
    public async Task Who_allows_it_has_tools_answered_by_strangers()
    {
        await using var gateway = await TestGateway.StartAsync(options => options with { CommunityTools = true });
        var stranger = gateway.Connect(TrustTier.Community, "m");

        var chat = gateway.PostAsync(
            "/v1/chat/completions",
            """{"model":"m","messages":[{"role":"user","content":"hi"}]TOOLS}""".Replace(
                "TOOLS",
                Tools,
                StringComparison.Ordinal
            )
        );
        (await stranger.TakeAsync()).Say("yes").Finish();

        Assert.True((await TestGateway.JsonOf(chat)).TryGetProperty("choices", out _));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    public async Task A_list_of_no_tools_is_as_good_as_none(string tools)
    {
        await using var gateway = await TestGateway.StartAsync();
        var stranger = gateway.Connect(TrustTier.Community, "m");

        var chat = gateway.PostAsync(
            "/v1/chat/completions",
            $$"""{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":{{tools}}}"""
        );
        (await stranger.TakeAsync()).Say("yes").Finish();

        Assert.True((await TestGateway.JsonOf(chat)).TryGetProperty("choices", out _));
    }

    [Fact]
    public async Task A_client_may_say_itself_who_will_do()
    {
        await using var gateway = await TestGateway.StartAsync();
        var stranger = gateway.Connect(TrustTier.Community, "m");

        var task = gateway.PostAsync(
            "/v1/tasks",
            """{"kind":"chat","model":"m","requires":{"tier":"community"},"request":{"messages":[{"role":"user","content":"hi"}]TOOLS}}""".Replace(
                "TOOLS",
                Tools,
                StringComparison.Ordinal
            )
        );
        (await stranger.TakeAsync()).Say("yes").Finish();

        using var answer = await task;
        Assert.True(answer.IsSuccessStatusCode);
    }
}
