using System.Net;
using Pollard.EndToEnd.Support;
using Pollard.Simulators;
using Pollard.Testing;

namespace Pollard.EndToEnd;

/// <summary>Answers in the middle of which something breaks: nobody who reads them may see it, and the model is asked once.</summary>
public sealed class UnbrokenStreamTests
{
    private const string Model = "stream-model";
    private const int Clients = 4;
    private const int CharactersBefore = 200;

    // As far as this machine is concerned 127.0.0.2 is another machine: the agent calls it, and the wire can be cut.
    private static readonly IPAddress Wire = IPAddress.Parse("127.0.0.2");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task Answers_go_on_when_the_gateway_is_killed_in_the_middle_of_them(string carrier)
    {
        await using var model = await StartModelAsync();
        await using var gateway = await GatewayProcess.StartAsync();
        await using var agent = StartAgent(gateway, gateway.Url, model, carrier);
        await gateway.UntilModelAsync(Model);
        var expected = await AnswersAsync(gateway);
        var asked = model.Stats.Requests;

        var (ids, followers) = await SubmitAsync(gateway);
        var reading = followers.Select(follower => follower.ReadAsync(Token)).ToArray();
        await Task.WhenAll(followers.Select(follower => follower.UntilLengthAsync(CharactersBefore)));
        await gateway.KillAndRestartAsync();

        await CheckAsync(gateway, ids, expected, await Task.WhenAll(reading));
        Assert.All(followers, follower => Assert.True(follower.Breaks > 0, "the answer ended before the crash"));
        Assert.Equal(asked + Clients, model.Stats.Requests);
        Assert.Equal(0, model.Stats.Aborted);
    }

    [Theory]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task Answers_go_on_when_the_wire_to_their_host_is_cut(string carrier)
    {
        await using var model = await StartModelAsync();
        await using var gateway = await GatewayProcess.StartAsync();
        await using var calls = new CuttableProxy(gateway.Port, new IPEndPoint(Wire, gateway.Port));
        await using var links = new CuttableProxy(gateway.LinkPort, new IPEndPoint(Wire, gateway.LinkPort));
        await using var agent = StartAgent(gateway, $"http://{Wire}:{gateway.Port}", model, carrier);
        await gateway.UntilModelAsync(Model);
        var expected = await AnswersAsync(gateway);
        var asked = model.Stats.Requests;

        var (ids, followers) = await SubmitAsync(gateway);
        var reading = followers.Select(follower => follower.ReadAsync(Token)).ToArray();
        await Task.WhenAll(followers.Select(follower => follower.UntilLengthAsync(CharactersBefore)));
        calls.Cut();
        links.Cut();
        await Task.WhenAll(followers.Select(follower => follower.UntilLengthAsync(3 * CharactersBefore)));
        calls.Cut();
        links.Cut();

        await CheckAsync(gateway, ids, expected, await Task.WhenAll(reading));
        Assert.All(followers, follower => Assert.Equal(0, follower.Breaks));
        Assert.Equal(asked + Clients, model.Stats.Requests);
        Assert.Equal(0, model.Stats.Aborted);
    }

    [Fact]
    public async Task Answers_go_on_where_something_ends_every_connection_at_the_same_age()
    {
        var longest = TimeSpan.FromSeconds(12); // Longer than a link must stand to count as good, as the minute of such proxies is.
        await using var gateway = await GatewayProcess.StartAsync();
        string[] expected;
        await using (var quick = await StartModelAsync())
        {
            await using var first = StartAgent(gateway, gateway.Url, quick, "best");
            await gateway.UntilModelAsync(Model);
            expected = await AnswersAsync(gateway);
        }

        await using var model = await StartModelAsync(tokensPerSecond: 4);
        await using var calls = new CuttableProxy(gateway.Port, new IPEndPoint(Wire, gateway.Port))
        {
            Longest = longest,
        };
        await using var links = new CuttableProxy(gateway.LinkPort, new IPEndPoint(Wire, gateway.LinkPort))
        {
            Longest = longest,
        };
        await using var agent = StartAgent(gateway, $"http://{Wire}:{gateway.Port}", model, "best");

        var (ids, followers) = await SubmitAsync(gateway);
        var read = await Task.WhenAll(followers.Select(follower => follower.ReadAsync(Token)));

        await CheckAsync(gateway, ids, expected, read);
        Assert.True(calls.Ended + links.Ended >= 3, "the way ended no connection that mattered");
        Assert.All(followers, follower => Assert.Equal(0, follower.Breaks));
        Assert.Equal(0, model.Stats.Aborted);
    }

    private static Task<RunningSimulator> StartModelAsync(double tokensPerSecond = 80) =>
        OllamaSimulator.StartAsync(
            "http://127.0.0.1:0",
            new SimulatorOptions
            {
                Models = [new SimulatedModel(Model)],
                TokensPerSecond = tokensPerSecond,
                Tokens = 200,
            },
            Token
        );

    private static PollardProcess StartAgent(
        GatewayProcess gateway,
        string url,
        RunningSimulator model,
        string carrier
    ) =>
        PollardProcess.Start(
            "agent",
            "--gateway",
            url,
            "--ollama",
            model.Url.ToString(),
            "--carrier",
            carrier,
            "--slots",
            "8",
            "--data",
            Path.Combine(gateway.Data, "agent")
        );

    // What the model answers when nothing breaks.
    private static async Task<string[]> AnswersAsync(GatewayProcess gateway)
    {
        var (_, followers) = await SubmitAsync(gateway);
        return await Task.WhenAll(followers.Select(follower => follower.ReadAsync(Token)));
    }

    private static async Task<(string[] Ids, TaskFollower[] Followers)> SubmitAsync(GatewayProcess gateway)
    {
        var ids = new string[Clients];
        for (var i = 0; i < Clients; i++)
        {
            var task = await gateway.PostAsync(
                "/v1/tasks",
                $$"""{"request":{"messages":[{"role":"user","content":"client {{i}}"}],"seed":1},"kind":"chat","model":"{{Model}}"}"""
            );
            ids[i] = task.GetProperty("id").GetString()!;
        }

        return (ids, [.. ids.Select(id => new TaskFollower(gateway.Http, id))]);
    }

    private static async Task CheckAsync(GatewayProcess gateway, string[] ids, string[] expected, string[] read)
    {
        for (var i = 0; i < Clients; i++)
        {
            var task = await gateway.GetAsync($"/v1/tasks/{ids[i]}");
            var text = task.GetProperty("result")
                .GetProperty("choices")[0]
                .GetProperty("message")
                .GetProperty("content")
                .GetString();
            Assert.Equal(expected[i], read[i]);
            Assert.Equal(expected[i], text);
            Assert.Equal(1, task.GetProperty("attempt").GetInt32());
        }
    }
}
