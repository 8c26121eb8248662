using System.Text.Json.Nodes;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Tests;

/// <summary>A conversation goes on at the host that has its beginning in its cache, through every door that has chats.</summary>
public sealed class PromptPrefixTests
{
    [Theory]
    [InlineData("/v1/chat/completions", """{"model":"m","messages":MESSAGES}""")]
    [InlineData("/api/chat", """{"model":"m","stream":false,"messages":MESSAGES}""")]
    [InlineData("/v1/tasks", """{"kind":"chat","model":"m","durability":"relaxed","request":{"messages":MESSAGES}}""")]
    [InlineData("/v1/tasks/submit", """{"llm_config":{"model":"m","messages":MESSAGES}}""")]
    public async Task A_conversation_stays_with_its_host(string path, string body)
    {
        await using var gateway = await TestGateway.StartAsync();
        FakeHost[] hosts =
        [
            .. Enumerable.Range(0, 8).Select(i => FakeHost.Connect(gateway.Engine, $"box{i}", TrustTier.Own, "m")),
        ];
        var messages = new JsonArray(Message("user", new string('x', 2_000)));
        var served = new List<FakeHost>();

        for (var turn = 0; turn < 6; turn++)
        {
            var sent = gateway.PostAsync(
                path,
                body.Replace("MESSAGES", messages.ToJsonString(), StringComparison.Ordinal)
            );
            var host = await FakeHost.FirstOfferedAsync(hosts);
            (await host.TakeAsync()).Say("yes").Finish();
            using var answer = await sent;
            Assert.True(answer.IsSuccessStatusCode);
            served.Add(host);
            messages.Add(Message("assistant", "yes"));
            messages.Add(Message("user", $"and {turn}?"));
        }

        Assert.All(served, host => Assert.Same(served[0], host));
    }

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
}
