using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Pollard.Tests.Support;

namespace Pollard.Tests.Commands;

/// <summary>The commands that serve until somebody asks them to stop.</summary>
public sealed class ServerCommandTests : IDisposable
{
    private static readonly (string Call, string Answer)[] OllamaAnswers =
    [
        ("GET /api/version", """{"version":"0.13.0"}"""),
        ("GET /api/tags", """{"models":[{"name":"late-model","digest":"d1","details":{"family":"llama"}}]}"""),
        ("GET /api/ps", """{"models":[]}"""),
        ("POST /api/show", """{"capabilities":["completion"]}"""),
    ];

    private readonly string _data = Directory.CreateTempSubdirectory("pollard-tests").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task Up_answers_through_its_own_agent_and_stops_well()
    {
        await using var simulator = await RunAsync(
            "simulate",
            "ollama",
            "--url",
            "http://127.0.0.1:0",
            "--models",
            "m"
        );
        await using var up = await RunAsync(
            "up",
            "--data",
            _data,
            "--urls",
            "http://127.0.0.1:0",
            "--ollama",
            simulator.Url
        );
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = up.Url;

        var answered = await shell.RunAsync("ask", "Hello", "--model", "m");

        Assert.Equal(ExitCode.Ok, answered);
        Assert.StartsWith("[simulator] ", shell.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Ok, await up.StopAsync());
    }

    [Fact]
    public async Task A_tool_that_Ollama_must_call_is_a_400_with_the_reason_at_the_clients_door()
    {
        await using var simulator = await RunAsync(
            "simulate",
            "ollama",
            "--url",
            "http://127.0.0.1:0",
            "--models",
            "m"
        );
        await using var up = await RunAsync(
            "up",
            "--data",
            _data,
            "--urls",
            "http://127.0.0.1:0",
            "--ollama",
            simulator.Url
        );
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());
        using var chat = new HttpRequestMessage(HttpMethod.Post, new Uri(new Uri(up.Url), "/v1/chat/completions"));
        chat.Content = new StringContent(
            """{"model":"m","messages":[{"role":"user","content":"hi"}],"tool_choice":"required","tools":[{"type":"function","function":{"name":"f"}}]}""",
            Encoding.UTF8,
            "application/json"
        );

        using var answer = await http.SendAsync(chat, Token);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var text = await answer.Content.ReadAsStringAsync(Token);
        using var json = JsonDocument.Parse(text);
        Assert.Contains(
            "cannot make a model call a tool",
            json.RootElement.GetProperty("error").GetProperty("message").GetString(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Work_that_no_host_can_do_goes_to_the_upstream()
    {
        await using var upstream = await RunAsync("simulate", "openai", "--url", "http://127.0.0.1:0", "--models", "*");
        await using var serve = await RunAsync(
            "serve",
            "--data",
            _data,
            "--urls",
            "http://127.0.0.1:0",
            "--upstream",
            upstream.Url
        );
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = serve.Url;

        var answered = await shell.RunAsync("ask", "Hello", "--model", "anything", "--json");

        Assert.Equal(ExitCode.Ok, answered);
        using var task = JsonDocument.Parse(shell.Out);
        Assert.Equal("upstream", task.RootElement.GetProperty("host").GetString());
    }

    [Fact]
    public async Task An_upstream_that_does_not_begin_in_its_time_is_given_up()
    {
        await using var upstream = await RunAsync(
            "simulate",
            "openai",
            "--url",
            "http://127.0.0.1:0",
            "--models",
            "*",
            "--first-token",
            "1h"
        );
        await using var serve = await RunAsync(
            "serve",
            "--data",
            _data,
            "--urls",
            "http://127.0.0.1:0",
            "--max-attempts",
            "1",
            "--upstream",
            upstream.Url,
            "--upstream-first-token",
            "50ms"
        );
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = serve.Url;

        var answered = await shell.RunAsync("ask", "Hello", "--model", "anything");

        Assert.Equal(ExitCode.TaskNotCompleted, answered);
        Assert.Contains("sent nothing for 0.05 s", shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_of_an_upstream_are_listed_though_it_takes_any()
    {
        await using var upstream = await RunAsync(
            "simulate",
            "openai",
            "--url",
            "http://127.0.0.1:0",
            "--models",
            "far"
        );
        await using var serve = await RunAsync(
            "serve",
            "--data",
            _data,
            "--urls",
            "http://127.0.0.1:0",
            "--upstream",
            upstream.Url
        );
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = serve.Url;
        await shell.RunAsync("ask", "Hello", "--model", "far"); // Waits for the upstream to be linked.

        using var listing = new TestShell();
        listing.Variables["POLLARD_GATEWAY"] = serve.Url;
        await listing.RunAsync("models", "--json");

        using var models = JsonDocument.Parse(listing.Out);
        Assert.Equal("far", Assert.Single(models.RootElement.EnumerateArray()).GetProperty("id").GetString());
    }

    [Fact]
    public async Task An_Ollama_that_starts_later_is_taken_in_and_told_of_once()
    {
        var isUp = false;
        await using var ollama = await ScriptedGateway.StartAsync();
        foreach (var (call, answer) in OllamaAnswers)
        {
            ollama.On(
                call,
                http =>
                {
                    http.Response.StatusCode = Volatile.Read(ref isUp) ? 200 : 503;
                    return http.Response.WriteAsync(answer, http.RequestAborted);
                }
            );
        }

        var clock = new FakeTimeProvider();
        using var shell = new TestShell { Time = clock, Ollama = ollama.Url };
        await using var up = await RunAsync(shell, "up", "--data", _data, "--urls", "http://127.0.0.1:0");
        Assert.DoesNotContain(
            "late-model",
            await UntilListedAsync(up, clock, "pollard-demo"),
            StringComparison.Ordinal
        );

        Volatile.Write(ref isUp, true);
        var models = await UntilListedAsync(up, clock, "late-model");

        Assert.Contains("pollard-demo", models, StringComparison.Ordinal); // What runs on the simulator goes on.
        Assert.Equal(ExitCode.Ok, await up.StopAsync());
        var line = Assert.Single(shell.Error.TrimEnd('\n').Split('\n'));
        Assert.Contains($"Ollama is at {ollama.Url.AbsoluteUri.TrimEnd('/')} now", line, StringComparison.Ordinal);
        Assert.Contains("late-model", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_elsewhere_links_and_works()
    {
        await using var simulator = await RunAsync(
            "simulate",
            "ollama",
            "--url",
            "http://127.0.0.1:0",
            "--models",
            "m"
        );
        await using var serve = await RunAsync("serve", "--data", _data, "--urls", "http://127.0.0.1:0");
        using var agent = new TestShell();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Token);
        string[] arguments =
        [
            "agent",
            "--gateway",
            serve.Url,
            "--ollama",
            simulator.Url,
            "--data",
            Path.Combine(_data, "agent"),
            "--name",
            "attic",
            "--log-level",
            "none",
        ];
        var working = agent.RunUntilAsync(ending.Token, arguments);
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = serve.Url;

        var answered = await shell.RunAsync("ask", "Hello", "--model", "m"); // Waits for the agent, as any task does.

        Assert.Equal(ExitCode.Ok, answered);
        await ending.CancelAsync();
        Assert.Equal(ExitCode.Ok, await working);
    }

    [Fact]
    public async Task The_doctor_looks_at_the_store_and_the_link_of_a_running_gateway()
    {
        await using var serve = await RunAsync("serve", "--data", _data, "--urls", "http://127.0.0.1:0");
        using var shell = new TestShell();

        await shell.RunAsync("doctor", "--full", "--json", "--gateway", serve.Url, "--data", _data);

        using var checks = JsonDocument.Parse(shell.Out);
        var states = checks
            .RootElement.EnumerateArray()
            .ToDictionary(
                check => check.GetProperty("name").GetString()!,
                check => check.GetProperty("state").GetString()
            );
        Assert.Equal(("ok", "ok"), (states["store"], states["checksums"]));
        Assert.Equal(("ok", "ok", "ok"), (states["link h2"], states["link ws"], states["link turn"]));
    }

    [Fact]
    public async Task Two_gateways_do_not_share_a_data_directory()
    {
        await using var first = await RunAsync("serve", "--data", _data, "--urls", "http://127.0.0.1:0");
        using var second = new TestShell();

        var exitCode = await second.RunAsync("serve", "--data", _data, "--urls", "http://127.0.0.1:0");

        Assert.Equal(ExitCode.Failed, exitCode);
        Assert.Contains("in use by another process", second.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_that_is_taken_is_named_with_what_to_do()
    {
        await using var first = await RunAsync("serve", "--data", _data, "--urls", "http://127.0.0.1:0");
        using var second = new TestShell();
        var other = Path.Combine(_data, "other");

        var exitCode = await second.RunAsync("serve", "--data", other, "--urls", first.Url, "--log-level", "none");

        Assert.Equal(ExitCode.Failed, exitCode);
        Assert.Contains("--urls", second.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Beyond_loopback_the_first_admin_key_is_printed_once()
    {
        string[] serve = ["serve", "--data", _data, "--urls", "http://127.0.0.1:0", "--require-keys"];
        await using var first = await RunAsync(serve);
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = first.Url;

        Assert.Equal(ExitCode.Failed, await shell.RunAsync("hosts", "list"));
        shell.Variables["POLLARD_KEY"] = first.Said.GetProperty("admin_key").GetString()!;
        Assert.Equal(ExitCode.Ok, await shell.RunAsync("hosts", "list"));
        await first.StopAsync();
        await using var again = await RunAsync(serve);

        Assert.False(again.Said.TryGetProperty("admin_key", out _));
    }

    // Turns the clock until a model is listed; the gateway lives by that clock too, so in small steps.
    private static async Task<string> UntilListedAsync(RunningCommand gateway, FakeTimeProvider clock, string model)
    {
        while (true)
        {
            using var shell = new TestShell();
            shell.Variables["POLLARD_GATEWAY"] = gateway.Url;
            await shell.RunAsync("models");
            if (shell.Out.Contains(model, StringComparison.Ordinal))
            {
                return shell.Out;
            }

            clock.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private static Task<RunningCommand> RunAsync(params string[] arguments) => RunAsync(new TestShell(), arguments);

    private static async Task<RunningCommand> RunAsync(TestShell shell, params string[] arguments)
    {
        string[] quiet = arguments[0] == "simulate" ? [] : ["--log-level", "none"];
        var command = new RunningCommand(shell, [.. arguments, .. quiet, "--json"]);
        await command.ReadyAsync();
        return command;
    }

    private sealed class RunningCommand : IAsyncDisposable
    {
        private readonly TestShell _shell;
        private readonly CancellationTokenSource _ending = CancellationTokenSource.CreateLinkedTokenSource(Token);
        private readonly Task<int> _running;

        public RunningCommand(TestShell shell, string[] arguments)
        {
            _shell = shell;
            _running = shell.RunUntilAsync(_ending.Token, arguments);
        }

        public JsonElement Said { get; private set; }

        public string Url => Said.GetProperty("url").GetString()!;

        public async Task ReadyAsync()
        {
            var ended = await Task.WhenAny(_shell.FirstLine, _running) == _running;
            Assert.False(ended, _shell.Error);
            using var json = JsonDocument.Parse(await _shell.FirstLine);
            Said = json.RootElement.Clone();
        }

        public async Task<int> StopAsync()
        {
            await _ending.CancelAsync();
            return await _running;
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _ending.Dispose();
            _shell.Dispose();
        }
    }
}
