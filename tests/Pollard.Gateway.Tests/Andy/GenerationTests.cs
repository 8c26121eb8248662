using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Andy;

public sealed class GenerationTests
{
    private const string Model = "sweaterdog/andy-4:latest";
    private const string Chat = """
        {"model":"sweaterdog/andy-4:latest","temperature":0.7,"stop":"***","top_k":20,
         "messages":[{"role":"system","content":"be short"},{"role":"user","content":"hello"}]}
        """;

    public static TheoryData<string> Polling =>
        [.. Generation.All.Where(generation => generation.Ask is not null).Select(generation => generation.Name)];

    public static TheoryData<string> All => [.. Generation.All.Select(generation => generation.Name)];

    [Theory]
    [MemberData(nameof(All))]
    public async Task Joins_pings_and_leaves(string generation)
    {
        await using var gateway = await StartAsync();
        var client = new AndyClient(gateway.Client, Generation.Of(generation), Model);

        var joined = await client.JoinAsync();

        Assert.Equal(1, joined.GetProperty("pool_size").GetInt32());
        Assert.True(joined.GetProperty("ping_interval").GetInt32() > 0);
        Assert.Equal("joined", joined.GetProperty("status").GetString());
        Assert.Equal(HttpStatusCode.OK, await client.PingAsync());
        await client.LeaveAsync();
        Assert.Equal(HttpStatusCode.NotFound, await client.PingAsync());
        await client.LeaveAsync(); // Nobody knows it any more, which is no error.
    }

    [Theory]
    [MemberData(nameof(Polling))]
    public async Task Gets_a_chat_and_answers_it(string generation)
    {
        await using var gateway = await StartAsync();
        var client = new AndyClient(gateway.Client, Generation.Of(generation), Model);
        await client.JoinAsync();

        var asked = gateway.PostAsync("/v1/chat/completions", Chat);
        var work = await client.WorkOnceAsync();
        var answer = await JsonOf(asked);

        Assert.Equal(Model, work.GetProperty("model").GetString());
        Assert.Equal(
            "hello at 0.7",
            answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()
        );
        Assert.Equal("stop", answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(18, answer.GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Theory]
    [InlineData("2")]
    [InlineData("3")]
    [InlineData("3b")]
    [InlineData("4")]
    [InlineData("5")]
    public async Task Gets_a_text_to_embed(string generation)
    {
        await using var gateway = await StartAsync();
        var client = new AndyClient(gateway.Client, Generation.Of(generation), Model);
        await client.JoinAsync();

        var asked = gateway.PostAsync("/v1/embeddings", $$"""{"model":"{{Model}}","input":["four"]}""");
        await client.WorkOnceAsync();
        var answer = await JsonOf(asked);

        var vector = answer.GetProperty("data")[0].GetProperty("embedding");
        Assert.Equal([0.5, 4], vector.EnumerateArray().Select(number => number.GetDouble()));
    }

    [Theory]
    [MemberData(nameof(Polling))]
    public async Task Says_that_it_failed_and_another_host_does_it(string generation)
    {
        await using var gateway = await StartAsync();
        var failing = new AndyClient(gateway.Client, Generation.Of(generation), Model);
        var other = new AndyClient(gateway.Client, Generation.Of("4"), Model);
        await failing.JoinAsync();

        var asked = gateway.PostAsync("/v1/chat/completions", Chat);
        var work = await failing.UntilWorkAsync();
        await other.JoinAsync();
        await failing.SubmitAsync(work, new JsonObject { ["error"] = "Extra data: line 2 column 1" });
        await other.WorkOnceAsync();

        Assert.Equal("chat.completion", (await JsonOf(asked)).GetProperty("object").GetString());
    }

    [Theory]
    [InlineData("1", 1)]
    [InlineData("1b", 1)]
    [InlineData("2", 1)]
    [InlineData("3", 2)]
    [InlineData("3b", 2)]
    [InlineData("4", 2)]
    [InlineData("5", 2)]
    public async Task Has_no_more_at_once_than_it_can_do(string generation, int most)
    {
        await using var gateway = await StartAsync();
        var client = new AndyClient(
            gateway.Client,
            Generation.Of(generation) with
            {
                Ask = "poll_for_work", // What it may have at once is in its join, however it asks.
            },
            Model
        );
        await client.JoinAsync();

        var asked = Enumerable.Range(0, 3).Select(_ => gateway.PostAsync("/v1/chat/completions", Chat)).ToList();
        List<JsonElement> taken = [];
        for (var i = 0; i < most; i++)
        {
            taken.Add(await client.UntilWorkAsync());
        }

        await UntilAsync(() => gateway.Engine.Statistics.Pending == 3 - most);
        var more = await client.AskAsync(timeoutSeconds: 2, ct: Token); // Less the margin: answered at once.
        foreach (var work in taken)
        {
            await client.SubmitAsync(work, client.Run(work));
        }

        for (var i = most; i < 3; i++)
        {
            await client.WorkOnceAsync();
        }

        Assert.Null(more);
        foreach (var answer in asked)
        {
            await JsonOf(answer);
        }
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        while (!isSo())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }
}
