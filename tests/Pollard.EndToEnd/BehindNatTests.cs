using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Pollard.Bench.Machine;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>Hosts that nobody can call, a gateway that is open to them and asks for keys and tokens.</summary>
public sealed class BehindNatTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_hosts_that_nobody_can_reach_serve_their_models_with_a_join_token()
    {
        using var network = MachineNetwork.TryCreate(machines: 2, out var why);
        Assert.SkipWhen(network is null, why);
        var (one, two) = (network.Machines[0], network.Machines[1]);
        one.CloseDoor();
        two.CloseDoor();
        var data = Directory.CreateTempSubdirectory("pollard-nat-");
        var port = PollardProcess.FreePort();
        var url = $"http://{network.Address}:{port}";
        var linkPort = PollardProcess.FreePort();
        await using var gateway = PollardProcess.Start(
            "serve",
            "--json",
            "--urls",
            $"http://0.0.0.0:{port}",
            "--link-url",
            $"http://0.0.0.0:{linkPort}",
            "--data",
            data.FullName
        );
        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        await gateway.UntilAsync(
            _ => Task.FromResult(gateway.Output.Contains("\"admin_key\"", StringComparison.Ordinal)),
            "it prints the admin key"
        );
        var started = gateway
            .Output.Split('\n')
            .First(static line => line.Contains("\"admin_key\"", StringComparison.Ordinal));
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer",
            JsonDocument.Parse(started).RootElement.GetProperty("admin_key").GetString()
        );

        var token = (await PostAsync(http, "/v1/tokens", """{"uses":2}""")).GetProperty("token").GetString()!;
        await using var model1 = Model(one, "model-one");
        await using var model2 = Model(two, "model-two");
        await using var agent1 = Agent(one, url, token, data, "one");
        await using var agent2 = Agent(two, url, token, data, "two");
        foreach (var model in new[] { "model-one", "model-two" })
        {
            await gateway.UntilAsync(
                async ct => (await http.GetStringAsync("/v1/models", ct)).Contains(model, StringComparison.Ordinal),
                $"{model} is served\n{agent1.Output}"
            );
            var answer = await PostAsync(
                http,
                "/v1/chat/completions",
                $$"""{"model":"{{model}}","messages":[{"role":"user","content":"hello"}]}"""
            );
            Assert.Contains(
                "simulator",
                answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString(),
                StringComparison.Ordinal
            );
        }

        await NobodyGetsInAsync(one);
        await NobodyGetsInAsync(two);
        data.Delete(recursive: true);
    }

    private static PollardProcess Model(NetworkMachine machine, string model) =>
        PollardProcess.Start(machine.Wrapper, "simulate", "ollama", "--url", "http://0.0.0.0:11434", "--models", model);

    private static PollardProcess Agent(
        NetworkMachine machine,
        string url,
        string token,
        DirectoryInfo data,
        string name
    ) =>
        PollardProcess.Start(
            machine.Wrapper,
            "agent",
            "--gateway",
            url,
            "--ollama",
            "http://127.0.0.1:11434",
            "--join",
            token,
            "--name",
            name,
            "--data",
            Path.Combine(data.FullName, name)
        );

    // The model's port is open on that machine, and still nobody outside gets to it.
    private static async Task NobodyGetsInAsync(NetworkMachine machine)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(300), TimeProvider.System);
        await Assert.ThrowsAnyAsync<Exception>(async () =>
            await socket.ConnectAsync(machine.Address, 11434, limit.Token)
        );
        Assert.False(socket.Connected);
    }

    private static async Task<JsonElement> PostAsync(HttpClient http, string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var reply = await http.PostAsync(path, content, Token);
        var text = await reply.Content.ReadAsStringAsync(Token);
        Assert.True(reply.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement.Clone();
    }
}
