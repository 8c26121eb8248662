using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Pollard.EndToEnd.Support;
using Pollard.Simulators;

namespace Pollard.EndToEnd;

/// <summary>Real processes, really killed.</summary>
public sealed class CrashTests
{
    private const string Model = "crash-model";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static int Rounds { get; } =
        int.Parse(Environment.GetEnvironmentVariable("POLLARD_CRASH_ROUNDS") ?? "50", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Nothing_that_was_accepted_is_lost_when_gateway_and_agents_are_killed_under_load()
    {
        var random = new Random(1);
        await using var model = await OllamaSimulator.StartAsync(
            "http://127.0.0.1:0",
            new SimulatorOptions
            {
                Models = [new SimulatedModel(Model)],
                TokensPerSecond = 300,
                Tokens = 30,
            },
            Token
        );
        await using var gateway = await GatewayProcess.StartAsync();
        var agents = new[]
        {
            StartAgent(gateway, model.Url.ToString(), 0),
            StartAgent(gateway, model.Url.ToString(), 1),
        };
        await gateway.UntilModelAsync(Model);
        var accepted = new ConcurrentDictionary<string, Known>(StringComparer.Ordinal);

        for (var round = 0; round < Rounds; round++)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
            var load = Enumerable
                .Range(0, 4)
                .Select(client => SubmitUntilAsync(gateway, accepted, round, client, stop.Token))
                .ToArray();
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(50, 400)), TimeProvider.System, Token);
            if (round % 3 == 2)
            {
                var victim = random.Next(agents.Length);
                await agents[victim].KillAsync();
                await agents[victim].DisposeAsync();
                agents[victim] = StartAgent(gateway, model.Url.ToString(), victim);
                await stop.CancelAsync();
            }
            else
            {
                await gateway.Process.KillAsync();
                await stop.CancelAsync();
                await gateway.KillAndRestartAsync();
            }

            await Task.WhenAll(load);
            await CheckAllAsync(gateway, accepted, round);
        }

        Assert.True(accepted.Count > Rounds, $"Only {accepted.Count} tasks were accepted: that is no load.");
        foreach (var agent in agents)
        {
            await agent.DisposeAsync();
        }
    }

    private static PollardProcess StartAgent(GatewayProcess gateway, string model, int number) =>
        PollardProcess.Start(
            "agent",
            "--gateway",
            gateway.Url,
            "--ollama",
            model,
            "--name",
            $"agent-{number}",
            "--slots",
            "8",
            "--data",
            Path.Combine(gateway.Data, $"agent-{number}")
        );

    // Submits durable tasks one after the other; what the gateway says yes to is noted before the next.
    private static async Task SubmitUntilAsync(
        GatewayProcess gateway,
        ConcurrentDictionary<string, Known> accepted,
        int round,
        int client,
        CancellationToken stop
    )
    {
        for (var i = 0; !stop.IsCancellationRequested && i < 6; i++)
        {
            var prompt = $"round {round} client {client} task {i}";
            try
            {
                var (path, body) = Submission(i % 3, prompt);
                using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
                using var reply = await gateway.Http.PostAsync(path, content, stop);
                if (reply.IsSuccessStatusCode)
                {
                    accepted[reply.Headers.GetValues("Pollard-Task").Single()] = new Known();
                }
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
            {
                return; // The gateway died before it said yes: whether it has the task nobody may rely on.
            }
        }
    }

    // Through each door; two of three answers must pass a check that some do not.
    private static (string Path, string Body) Submission(int door, string prompt)
    {
        var messages = $$"""[{"role":"user","content":"{{prompt}}"}]""";
        const string Checks =
            """[{"type":"regex","params":{"pattern":"[Ww]illow|[Cc]rown"}}],"retry_config":{"max_attempts":20,"initial_delay":0}""";
        return door switch
        {
            0 => (
                "/v1/tasks",
                $$"""{"kind":"chat","model":"{{Model}}","request":{"messages":{{messages}},"seed":1},"max_attempts":20}"""
            ),
            1 => (
                "/v1/tasks/submit",
                $$"""{"llm_config":{"model":"{{Model}}","messages":{{messages}},"validation":{{Checks}} } }"""
            ),
            _ => (
                "/v1/chat/completions",
                $$"""{"model":"{{Model}}","messages":{{messages}},"polling_mode":true,"validation":{{Checks}} }"""
            ),
        };
    }

    private static async Task CheckAllAsync(
        GatewayProcess gateway,
        ConcurrentDictionary<string, Known> accepted,
        int round
    )
    {
        foreach (var (id, known) in accepted)
        {
            if (known.Result is not null && round % 10 != 9)
            {
                continue; // Ended tasks are looked at again every tenth round.
            }

            var task = await gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=60");
            Assert.True(
                task.GetProperty("state").GetString() == "completed",
                $"Round {round}: {task}\n{await gateway.Http.GetStringAsync($"/v1/tasks/{id}/events?after=-1", Token)}\n{gateway.Process.Output}"
            );
            var text = task.GetProperty("result")
                .GetProperty("choices")[0]
                .GetProperty("message")
                .GetProperty("content")
                .GetString()!;
            known.Result ??= text;
            Assert.Equal(known.Result, text);
            await CheckEventsAsync(gateway, id, text);
        }
    }

    /// <summary>The events of a task are numbered without a gap, and what they show in the end is its answer.</summary>
    internal static async Task CheckEventsAsync(GatewayProcess gateway, string id, string text)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/tasks/{id}/events");
        request.Headers.Accept.ParseAdd("application/json");
        using var reply = await gateway.Http.SendAsync(request, Token);
        using var page = JsonDocument.Parse(await reply.Content.ReadAsStringAsync(Token));
        var shown = "";
        var next = 0;
        foreach (var item in page.RootElement.GetProperty("events").EnumerateArray())
        {
            Assert.Equal(next++, item.GetProperty("seq").GetInt32());
            shown = item.GetProperty("type").GetString() switch
            {
                "lost" => "", // What came before is void.
                "validation" when !item.GetProperty("data").GetProperty("valid").GetBoolean() => "",
                "delta" => shown + item.GetProperty("text").GetString(),
                _ => shown,
            };
        }

        Assert.Equal(text, shown);
    }

    private sealed class Known
    {
        public string? Result { get; set; }
    }
}
