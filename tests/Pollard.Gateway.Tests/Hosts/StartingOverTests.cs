using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent;
using Pollard.Agent.Backends;
using Pollard.Gateway.Hosts;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Simulators;
using Pollard.Tasks.Dispatch;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A server that went on with begun answers when its agent tried, and does not any more.</summary>
public sealed class StartingOverTests
{
    private const string Model = "pollard-demo";
    private const string Ask = "\"model\":\"pollard-demo\",\"messages\":[{\"role\":\"user\",\"content\":\"tell me\"}]";
    private static readonly SimulatorOptions Usual = new() { Tokens = 100 };

    [Fact]
    public async Task Its_client_sees_one_answer_which_an_honest_server_goes_on_with()
    {
        await using var gateway = await StartAsync(time: TimeProvider.System);
        var before = await OllamaSimulator.StartAsync("http://127.0.0.1:0", Usual, Token);
        await using var turning = new InProcessAgent(gateway, "turning", before.Url);
        await UntilGoingOnAsync(gateway);
        var reply = await JsonOf(gateway.PostAsync("/v1/chat/completions", $"{{{Ask}}}"));
        var whole = reply.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
        await before.DisposeAsync();
        var ignoring = Usual with { IgnoresPrefill = true, TokensPerSecond = 50 };
        await using var after = await OllamaSimulator.StartAsync(before.Url.ToString(), ignoring, Token);

        gateway.Engine.Hosts.SetDraining("turning", draining: true);
        var first = FakeHost.Connect(gateway.Engine, "first", TrustTier.Own, Model);
        var asked = gateway.PostAsync("/v1/chat/completions", $"{{{Ask},\"stream\":true}}");
        var begun = await first.TakeAsync();
        begun.Say(whole[..(whole.Length / 2)]);
        using var stream = await asked;
        gateway.Engine.Hosts.SetDraining("turning", draining: false);
        first.Leave();
        await after
            .UntilAsync(static stats => stats.Aborted > 0, Token) // It was found out, and stopped.
            .WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
        await using var honest = await OllamaSimulator.StartAsync("http://127.0.0.1:0", Usual, Token);
        await using var other = new InProcessAgent(gateway, "honest", honest.Url);

        Assert.Equal(whole, await TextOfStreamAsync(stream));
    }

    private static Task UntilGoingOnAsync(TestGateway gateway)
    {
        var able = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        gateway.Engine.Hosts.Changed += _ => Look();
        Look();
        return able.Task.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);

        void Look()
        {
            var required = new TaskRequirements { Features = [ModelInfo.Prefill] };
            if (gateway.Engine.Hosts.CanServe("chat", Model, required) == Serving.Worker)
            {
                able.TrySetResult();
            }
        }
    }

    private static async Task<string> TextOfStreamAsync(HttpResponseMessage reply)
    {
        var text = new StringBuilder();
        foreach (var line in (await reply.Content.ReadAsStringAsync(Token)).Split('\n'))
        {
            if (line.StartsWith("data: {", StringComparison.Ordinal))
            {
                var chunk = JsonElement.Parse(line["data: ".Length..]);
                Assert.False(chunk.TryGetProperty("error", out var error), error.ToString());
                foreach (var choice in chunk.GetProperty("choices").EnumerateArray())
                {
                    var delta = choice.GetProperty("delta");
                    text.Append(delta.TryGetProperty("content", out var content) ? content.GetString() : null);
                }
            }
        }

        return text.ToString();
    }

    /// <summary>A real agent, linked to the gateway in memory, for a server of Ollama's API.</summary>
    private sealed class InProcessAgent : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly string _folder = Directory.CreateTempSubdirectory("pollard-").FullName;
        private readonly OllamaBackend _backend;
        private readonly Task _running;

        public InProcessAgent(TestGateway gateway, string id, Uri server)
        {
            _backend = new OllamaBackend(
                new() { BaseUrl = server },
                TimeProvider.System,
                NullLogger<OllamaBackend>.Instance
            );
            var options = new AgentOptions
            {
                Connect = () => gateway.Server.Hosts.Open(LinkPeer.Local(id, id)),
                StateDirectory = _folder,
                DrainWithin = TimeSpan.Zero,
            };
            _running = new AgentHost(options, [_backend], NullLoggerFactory.Instance).RunAsync(_stop.Token);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _backend.Dispose();
            _stop.Dispose();
            Directory.Delete(_folder, recursive: true);
        }
    }
}
