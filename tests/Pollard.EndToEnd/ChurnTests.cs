using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using Pollard.EndToEnd.Support;
using Pollard.Simulators;

namespace Pollard.EndToEnd;

/// <summary>
/// Hosts that come and go all the time, as volunteers' machines do: whoever reads an answer sees one unbroken stream with every
/// token once, whatever became of the hosts that wrote it.
/// </summary>
public sealed class ChurnTests
{
    private const string Model = "churn-model";
    private const int Hosts = 4;
    private const int Clients = 24;
    private const int Kills = 6;

    private static readonly SimulatorOptions Options = new()
    {
        Models = [new SimulatedModel(Model)],
        TokensPerSecond = 25,
        Tokens = 150,
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Streams_go_on_while_their_hosts_are_killed_and_frozen()
    {
        var random = new Random(1);
        await using var model = await OllamaSimulator.StartAsync("http://127.0.0.1:0", Options, Token);
        await using var quick = await OpenAiSimulator.StartAsync(
            "http://127.0.0.1:0",
            Options with
            {
                TokensPerSecond = 0,
            },
            Token
        );
        await using var gateway = await GatewayProcess.StartAsync();
        await using var hosts = new HostPark(number => StartAgent(gateway, model, number));
        await gateway.UntilModelAsync(Model);
        await UntilHostsGoOnAsync(gateway, Hosts);
        using var direct = new HttpClient(new SocketsHttpHandler()) { BaseAddress = quick.Url };
        var expected = await Task.WhenAll(
            Enumerable.Range(0, Clients).Select(i => ReadAsync(direct, i, new Progress()))
        );

        var progress = Enumerable.Range(0, Clients).Select(static _ => new Progress()).ToArray();
        var streams = progress.Select((own, i) => ReadAsync(gateway.Http, i, own)).ToArray();
        await Task.WhenAll(progress.Select(static own => own.Begun.Task));
        for (var kill = 0; kill < Kills && !streams.All(static stream => stream.IsCompleted); kill++)
        {
            var victim = random.Next(Hosts);
            if (kill == 2)
            {
                await hosts.FreezeAsync(victim); // It holds its connection and says nothing any more.
                continue;
            }

            await hosts.KillAndRestartAsync(victim);
            await Task.Delay(TimeSpan.FromMilliseconds(700), TimeProvider.System, Token);
        }

        var read = await Task.WhenAll(streams);
        Assert.Equal(expected.Select(static answer => answer.Text), read.Select(static answer => answer.Text));
        Assert.Equal(expected.Select(static answer => answer.Tokens), read.Select(static answer => answer.Tokens));
        Assert.InRange(await MostHostsAsync(gateway, read), 2, int.MaxValue);
    }

    private static PollardProcess StartAgent(GatewayProcess gateway, RunningSimulator model, int number) =>
        PollardProcess.Start(
            "agent",
            "--gateway",
            gateway.Url,
            "--ollama",
            model.Url.ToString(),
            "--slots",
            $"{Clients}",
            "--name",
            $"host{number}",
            "--data",
            Path.Combine(gateway.Data, $"agent{number}")
        );

    // Each host has found out that its model goes on with what others have begun.
    private static Task UntilHostsGoOnAsync(GatewayProcess gateway, int hosts) =>
        gateway.Process.UntilAsync(
            async ct =>
            {
                var list = JsonElement.Parse(await gateway.Http.GetStringAsync("/v1/hosts", ct)).GetProperty("hosts");
                return list.EnumerateArray()
                        .Count(static host => host.GetRawText().Contains("\"prefill\"", StringComparison.Ordinal))
                    == hosts;
            },
            "all hosts can go on with answers"
        );

    private static async Task<Answer> ReadAsync(HttpClient http, int client, Progress progress)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent(
                $$"""
                {"model":"{{Model}}","stream":true,"stream_options":{"include_usage":true},
                "messages":[{"role":"user","content":"client {{client}}"}]}
                """,
                Encoding.UTF8,
                "application/json"
            ),
        };
        using var reply = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
        reply.EnsureSuccessStatusCode();
        await using var stream = await reply.Content.ReadAsStreamAsync(Token);
        var text = new StringBuilder();
        var tokens = "";
        var ended = false;
        await foreach (var item in SseParser.Create(stream).EnumerateAsync(Token))
        {
            if (item.Data == "[DONE]")
            {
                ended = true;
                break;
            }

            var chunk = JsonElement.Parse(item.Data);
            Assert.False(chunk.TryGetProperty("error", out var error), $"Client {client}: {error}");
            foreach (var choice in chunk.GetProperty("choices").EnumerateArray())
            {
                if (choice.GetProperty("delta").TryGetProperty("content", out var content))
                {
                    text.Append(content.GetString());
                    progress.Begun.TrySetResult();
                }
            }

            if (chunk.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
            {
                tokens =
                    $"{usage.GetProperty("prompt_tokens")}+{usage.GetProperty("completion_tokens")}={usage.GetProperty("total_tokens")}";
            }
        }

        Assert.True(ended, $"The stream of client {client} has no end.");
        var task = reply.Headers.TryGetValues("Pollard-Task", out var values) ? values.First() : null;
        return new Answer(text.ToString(), tokens, task);
    }

    // How many hosts have written one answer at the most.
    private static async Task<int> MostHostsAsync(GatewayProcess gateway, Answer[] answers)
    {
        var most = 0;
        foreach (var answer in answers)
        {
            var task = await gateway.GetAsync($"/v1/tasks/{answer.Task}");
            most = Math.Max(most, task.GetProperty("attempt").GetInt32());
        }

        return most;
    }

    private sealed record Answer(string Text, string Tokens, string? Task);

    private sealed class HostPark(Func<int, PollardProcess> start) : IAsyncDisposable
    {
        private readonly PollardProcess[] _hosts = [.. Enumerable.Range(0, Hosts).Select(start)];

        public Task FreezeAsync(int number) => _hosts[number].SignalAsync("STOP");

        public async Task KillAndRestartAsync(int number)
        {
            await _hosts[number].DisposeAsync();
            _hosts[number] = start(number);
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var host in _hosts)
            {
                await host.DisposeAsync();
            }
        }
    }

    private sealed class Progress
    {
        public TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
