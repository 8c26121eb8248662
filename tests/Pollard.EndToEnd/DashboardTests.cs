using System.Text.Json;
using System.Text.RegularExpressions;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The dashboard in Chromium, against a real gateway with an agent and a simulated model.</summary>
public sealed partial class DashboardTests(DashboardTests.PoolFixture pool) : IClassFixture<DashboardTests.PoolFixture>
{
    private const string Host = "studio";
    private const string Model = "pollard-demo";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public Task Each_page_shows_what_is_there() => CheckAsync("showsRealData");

    [Fact]
    public Task What_changes_is_seen_without_a_reload() =>
        DashboardScript.RunAsync(
            "changesWithoutReload",
            pool.Gateway,
            new { model = Model, host = Host },
            async what =>
            {
                if (what == "stop the agent")
                {
                    await pool.StopAgentAsync();
                }
                else
                {
                    await pool.StartAgentAsync();
                }
            }
        );

    [Fact]
    public Task A_page_has_one_stream_and_none_while_nobody_sees_it() => CheckAsync("keepsOneStream");

    [Fact]
    public Task A_page_whose_first_word_does_not_come_says_so_and_asks_again() => CheckAsync("saysThatItWaits");

    [Fact]
    public Task A_host_is_drained_and_resumed_and_named_before() => CheckAsync("drainsAndResumes");

    [Fact]
    public Task A_person_accepts_an_answer_that_did_not_pass() => CheckAsync("asksAPerson");

    [Fact]
    public Task Why_a_task_waits_is_said() => CheckAsync("saysWhyATaskWaits");

    [Fact]
    public Task A_model_is_tried_and_the_shown_command_does_the_same() => CheckAsync("triesAModel");

    [Fact]
    public Task An_answer_is_stopped_and_so_is_its_task() => CheckAsync("stopsAnAnswer");

    [Fact]
    public Task All_is_done_without_a_mouse() => CheckAsync("needsNoMouse");

    [Fact]
    public Task All_pages_fit_a_phone() => CheckAsync("fitsAPhone");

    [Fact]
    public Task No_page_has_a_barrier_that_axe_knows() => CheckAsync("hasNoBarriers");

    [Fact]
    public Task The_theme_is_kept() => CheckAsync("keepsTheTheme");

    [Fact]
    public Task The_first_load_is_small_and_all_of_it_is_ours() => CheckAsync("loadsLittleAndNothingFromElsewhere");

    [Fact]
    public Task A_page_whose_file_was_lost_on_its_way_loads_again() => CheckAsync("loadsAgainWhatDidNotCome");

    [Fact]
    public async Task The_page_goes_on_when_the_gateway_was_killed_and_is_back()
    {
        await using var gateway = await GatewayProcess.StartAsync("up", "--require-keys");
        var admin = await FirstKeyAsync(gateway);

        await DashboardScript.RunAsync(
            "survivesTheGatewaysDeath",
            gateway,
            new { admin, model = Model },
            what => what == "kill the gateway" ? gateway.Process.KillAsync() : gateway.RestartAsync()
        );
    }

    [Fact]
    public async Task A_tasks_page_goes_on_with_its_text_after_the_gateways_death()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        await using PoolAgent agent = new(gateway, Host, "--tokens-per-second", "100", "--answer", Everything(600));
        await agent.StartAsync();

        await DashboardScript.RunAsync(
            "followsATaskOverADeath",
            gateway,
            new { model = Model },
            what => what == "kill the gateway" ? gateway.Process.KillAsync() : gateway.RestartAsync()
        );
    }

    [Fact]
    public async Task Who_signs_in_sees_what_the_key_may_and_nobody_else_anything()
    {
        await using var gateway = await GatewayProcess.StartAsync("up", "--require-keys");
        var admin = await FirstKeyAsync(gateway);
        var client = await MakeKeyAsync(gateway, admin, "client");
        var viewer = await MakeKeyAsync(gateway, admin, "viewer");

        await DashboardScript.RunAsync(
            "signsInAndOut",
            gateway,
            new
            {
                admin,
                client,
                viewer,
                model = Model,
            }
        );
        await DashboardScript.RunAsync("hasNoBarriersAtTheLogin", gateway);
        await DashboardScript.RunAsync("makesKeysAndTokens", gateway, new { admin });
    }

    [Fact]
    public async Task The_line_that_adds_a_host_brings_one()
    {
        await using var gateway = await GatewayProcess.StartAsync("serve", "--require-keys");
        var admin = await FirstKeyAsync(gateway);
        PollardProcess? agent = null;
        try
        {
            await DashboardScript.RunAsync(
                "addsAHost",
                gateway,
                new { admin, host = "guest" },
                line =>
                {
                    Assert.StartsWith("pollard agent --gateway ", line, StringComparison.Ordinal);
                    var data = Path.Combine(gateway.Data, "guest");
                    agent = PollardProcess.Start([.. line.Split(' ')[1..], "--name", "guest", "--data", data]);
                    return Task.CompletedTask;
                }
            );
        }
        finally
        {
            if (agent is not null)
            {
                await agent.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task What_hosts_and_clients_say_is_shown_as_text()
    {
        const string Hostile = "<img src=x onerror=hacked()>";
        await using var gateway = await GatewayProcess.StartAsync();
        await using PoolAgent agent = new(
            gateway,
            Hostile,
            "--answer",
            "<img src=x onerror=hacked()><script>hacked()</script>\u001b[31mred \u202e \u2066"
        );
        await agent.StartAsync();

        await DashboardScript.RunAsync("showsHostileContentAsText", gateway, new { model = Model, host = Hostile });
    }

    [Fact]
    public async Task Ten_thousand_tasks_and_five_hundred_hosts_leave_the_page_small()
    {
        const int Tasks = 10_000;
        const int Hosts = 500;
        await using var gateway = await GatewayProcess.StartAsync();
        await using var hosts = PollardProcess.StartProgram([
            Bench,
            "role",
            "--role",
            "hosts",
            "--gateway",
            gateway.Url,
            "--count",
            $"{Hosts}",
            "--slots",
            "1",
        ]);
        await hosts.UntilAsync(
            async _ =>
                (await gateway.GetAsync("/v1/hosts?state=online&limit=1")).GetProperty("total").GetInt32() == Hosts,
            "all hosts are there"
        );
        var batch = JsonSerializer.Serialize(
            new
            {
                tasks = Enumerable.Repeat(
                    new
                    {
                        kind = "chat",
                        model = "bench-echo",
                        request = new { messages = new[] { new { role = "user", content = "Hello" } } },
                    },
                    1_000
                ),
            }
        );
        for (var sent = 0; sent < Tasks; sent += 1_000)
        {
            await gateway.PostAsync("/v1/tasks:batch", batch);
        }

        await DashboardScript.RunAsync("staysSmallWithMany", gateway, new { tasks = Tasks, hosts = Hosts });
    }

    private static string Bench { get; } =
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../Pollard.Bench/release/Pollard.Bench"));

    [GeneratedRegex("pk_[A-Za-z0-9_-]+", RegexOptions.NonBacktracking)]
    private static partial Regex Key { get; }

    private static async Task<string> FirstKeyAsync(GatewayProcess gateway)
    {
        await gateway.Process.UntilAsync(_ => Task.FromResult(Key.IsMatch(gateway.Process.Output)), "a key is printed");
        return Key.Match(gateway.Process.Output).Value;
    }

    private static async Task<string> MakeKeyAsync(GatewayProcess gateway, string admin, string role)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/keys")
        {
            Content = new StringContent($$"""{"name":"a {{role}}","role":"{{role}}"}""", null, "application/json"),
            Headers = { Authorization = new("Bearer", admin) },
        };
        using var reply = await gateway.Http.SendAsync(request, Token);
        var made = JsonElement.Parse(await reply.Content.ReadAsStringAsync(Token));
        return made.GetProperty("key").GetString()!;
    }

    // What the model answers to who wants to be told everything: so many words.
    private static string Everything(int words) => "everything=" + string.Concat(Enumerable.Repeat("word ", words));

    private Task CheckAsync(string check) =>
        DashboardScript.RunAsync(check, pool.Gateway, new { model = Model, host = Host });

    /// <summary>A gateway with one host, whose model writes 60 tokens a second.</summary>
    public sealed class PoolFixture : IAsyncLifetime
    {
        private PoolAgent _agent = null!;

        internal GatewayProcess Gateway { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Gateway = await GatewayProcess.StartAsync();
            _agent = new(Gateway, Host, "--tokens-per-second", "60", "--answer", Everything(10_000));
            await _agent.StartAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await _agent.DisposeAsync();
            await Gateway.DisposeAsync();
        }

        internal Task StartAgentAsync() => _agent.StartAsync();

        internal Task StopAgentAsync() => _agent.StopAsync();
    }
}
