using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent;
using Pollard.Agent.Backends;
using Pollard.Gateway.Hosts;
using Pollard.Simulators;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>Requests that come in by the door of one dialect and are run by a server of either.</summary>
public sealed class CrossDialectTests
{
    private const string Ask = "\"model\":\"pollard-demo\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
    private const string Prompt = "\"model\":\"pollard-demo\",\"prompt\":\"hi\"";

    [Fact]
    public async Task What_Ollamas_door_and_OpenAIs_server_both_can_say_is_translated()
    {
        await using var house = await House.StartAsync(isOllama: false);

        await JsonOf(
            house.Gateway.PostAsync(
                "/api/chat",
                $$$"""
                {{{{Ask}}},"stream":false,"think":false,"format":"json","keep_alive":"5m",
                "options":{"num_predict":9,"top_k":3,"seed":7,"stop":["x"],"num_ctx":8192,"repeat_penalty":1.0}}
                """
            )
        );

        Assert.Equal(
            """{"model":"pollard-demo","messages":[{"role":"user","content":"hi"}],"top_k":3,"seed":7,"stop":["x"],"max_tokens":9,"response_format":{"type":"json_object"},"reasoning_effort":"none","stream":true,"stream_options":{"include_usage":true}}""",
            house.Server.Requests[^1].Body
        );
    }

    [Theory]
    [InlineData("/api/generate", "context", Prompt + ",\"context\":[1,2]")]
    [InlineData("/api/generate", "system", Prompt + ",\"system\":\"be kind\"")]
    [InlineData("/api/chat", "options.mirostat", Ask + ",\"options\":{\"mirostat\":2}")]
    [InlineData("/api/chat", "options.seed", Ask + ",\"options\":{\"seed\":\"x\"}")]
    [InlineData("/api/chat", "format", Ask + ",\"format\":\"xml\"")]
    public async Task What_OpenAIs_server_cannot_be_told_is_refused_at_Ollamas_door(
        string path,
        string member,
        string request
    )
    {
        await using var house = await House.StartAsync(isOllama: false);

        var whole = await JsonOf(house.Gateway.PostAsync(path, "{\"stream\":false," + request + "}"), 400);
        var stream = await JsonOf(house.Gateway.PostAsync(path, "{" + request + "}"), 400);

        Assert.Contains($"does not support the parameter \"{member}\"", whole.GetProperty("error").GetString());
        Assert.Contains($"\"{member}\"", stream.GetProperty("error").GetString());
        Assert.DoesNotContain(
            house.Server.Requests,
            seen => seen.Path.EndsWith("completions", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task What_Ollama_cannot_be_told_is_refused_at_OpenAIs_door()
    {
        await using var house = await House.StartAsync(isOllama: true);

        var error = (
            await JsonOf(
                house.Gateway.PostAsync("/v1/chat/completions", "{\"parallel_tool_calls\":false," + Ask + "}"),
                400
            )
        ).GetProperty("error");

        Assert.Equal("unsupported", error.GetProperty("code").GetString());
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.Contains("\"parallel_tool_calls\"", error.GetProperty("message").GetString());
        Assert.Equal("parallel_tool_calls", error.GetProperty("param").GetString());
    }

    [Fact]
    public async Task The_context_of_a_conversation_goes_to_Ollama_and_comes_back()
    {
        await using var house = await House.StartAsync(isOllama: true);

        var whole = await JsonOf(
            house.Gateway.PostAsync("/api/generate", "{" + Prompt + ",\"context\":[5,6,7],\"stream\":false}")
        );
        var lines = (await TextOf(house.Gateway.PostAsync("/api/generate", "{" + Prompt + "}"))).Split(
            '\n',
            StringSplitOptions.RemoveEmptyEntries
        );

        var sent = house.Server.Requests.Where(seen => seen.Path == "/api/generate").ToList();
        Assert.Equal("[5,6,7]", JsonElement.Parse(sent[0].Body).GetProperty("context").GetRawText());
        Assert.NotEqual(0, whole.GetProperty("context").GetArrayLength());
        Assert.NotEqual(0, JsonElement.Parse(lines[^1]).GetProperty("context").GetArrayLength());
        Assert.False(JsonElement.Parse(lines[0]).TryGetProperty("context", out _));
    }

    /// <summary>A gateway, an agent in its process, and a simulated server that the agent runs work on.</summary>
    private sealed class House : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly string _folder = Directory.CreateTempSubdirectory("pollard-").FullName;
        private readonly IDisposable _backend;
        private readonly Task _agent;

        private House(TestGateway gateway, RunningSimulator server, bool isOllama)
        {
            (Gateway, Server) = (gateway, server);
            IBackend backend = isOllama
                ? new OllamaBackend(
                    new() { BaseUrl = server.Url },
                    TimeProvider.System,
                    NullLogger<OllamaBackend>.Instance
                )
                : new OpenAiBackend(
                    new() { BaseUrl = server.Url },
                    TimeProvider.System,
                    NullLogger<OpenAiBackend>.Instance
                );
            _backend = (IDisposable)backend;
            var options = new AgentOptions
            {
                Connect = () => gateway.Server.Hosts.Open(LinkPeer.Local("local", "this machine")),
                StateDirectory = _folder,
                DrainWithin = TimeSpan.Zero,
            };
            _agent = new AgentHost(options, [backend], NullLoggerFactory.Instance).RunAsync(_stop.Token);
        }

        public TestGateway Gateway { get; }

        public RunningSimulator Server { get; }

        public static async Task<House> StartAsync(bool isOllama)
        {
            var options = new SimulatorOptions { Tokens = 3 };
            var server = isOllama
                ? await OllamaSimulator.StartAsync("http://127.0.0.1:0", options, Token)
                : await OpenAiSimulator.StartAsync("http://127.0.0.1:0", options, Token);
            var gateway = await TestGateway.StartAsync(time: TimeProvider.System);
            var house = new House(gateway, server, isOllama);
            await house.UntilServedAsync();
            return house;
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _agent;
            _backend.Dispose();
            await Gateway.DisposeAsync();
            await Server.DisposeAsync();
            _stop.Dispose();
            Directory.Delete(_folder, recursive: true);
        }

        private async Task UntilServedAsync()
        {
            var served = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Gateway.Engine.Hosts.Changed += _ => Look();
            Look();
            await served.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);

            void Look()
            {
                if (Gateway.Engine.Hosts.List().Any(host => host.Description.Models.Count > 0))
                {
                    served.TrySetResult();
                }
            }
        }
    }
}
