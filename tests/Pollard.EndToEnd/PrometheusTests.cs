using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>A real Prometheus reads the figures, and what the dashboard and the alerts ask of it is there.</summary>
public sealed partial class PrometheusTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../.."));
    private static readonly string Alerts = Path.Combine(Root, "docs/operate/alerts.yml");

    // Nothing of the kind happens here: no link is down, and nobody calls.
    private static readonly string[] Unseen =
    [
        "pollard_voice_calls",
        "pollard_voice_turn_seconds",
        "state=~\"down|connecting|suspect\"",
        "pollard_voice_frame_lateness_seconds",
        "pollard_voice_link_down_total",
        "pollard_voice_link_repeated_total",
        "pollard_voice_playout_gap_total",
        "pollard_voice_engine_duration_seconds",
        "pollard_queue_depth",
    ];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_the_dashboard_and_the_alerts_ask_for_is_there()
    {
        await using var gateway = await GatewayProcess.StartAsync("up");
        await gateway.UntilModelAsync("pollard-demo");
        var voicePort = PollardProcess.FreePort();
        await using var voice = PollardProcess.Start(
            "voice",
            "all",
            "--stt-engine",
            "openai:http://127.0.0.1:9",
            "--gateway",
            gateway.Url,
            "--stt",
            $"127.0.0.1:{SpokenChain.ServicePort()}",
            "--llm",
            $"127.0.0.1:{SpokenChain.ServicePort()}",
            "--tts",
            $"127.0.0.1:{SpokenChain.ServicePort()}",
            "--metrics",
            $"127.0.0.1:{voicePort}"
        );
        await using var prometheus = await PrometheusProcess.StartAsync(
            Alerts,
            $$"""
            - job_name: pollard
              static_configs: [{ targets: ["127.0.0.1:{{gateway.Port}}"] }]
            - job_name: pollard-voice
              static_configs: [{ targets: ["127.0.0.1:{{voicePort}}"] }]
            """
        );
        await prometheus.UntilAsync("up{job=\"pollard\"} == 1");
        await prometheus.UntilAsync("up{job=\"pollard-voice\"} == 1");
        await AskAsync(gateway);
        await prometheus.UntilAsync("pollard_task_duration_seconds_count{state=\"completed\"}");
        await AskAsync(gateway); // A rate needs a series that has grown.
        await prometheus.UntilAsync("sum(rate(pollard_task_duration_seconds_count{state=\"completed\"}[1m])) > 0");

        foreach (var expression in Expressions())
        {
            var found = await prometheus.QueryAsync(expression);
            Assert.True(
                found.Count > 0 || Unseen.Any(one => expression.Contains(one, StringComparison.Ordinal)),
                $"nothing is found by {expression}"
            );
        }

        await prometheus.UntilAlertAsync("PollardDown", "inactive");
        var rules = await prometheus.RulesAsync();
        Assert.All(rules, static rule => Assert.True(rule.GetProperty("health").GetString() == "ok", $"{rule}"));
        Assert.DoesNotContain(rules, static rule => rule.GetProperty("state").GetString() == "firing");
        await gateway.Process.KillAsync();
        await prometheus.UntilAlertAsync("PollardDown", "pending");
    }

    [Fact]
    public void They_ask_for_documented_figures_only()
    {
        var documented = File.ReadLines(Path.Combine(Root, "docs/reference/metrics.md"))
            .Where(static line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(static line => line.Split('`')[1].Replace('.', '_'))
            .ToHashSet(StringComparer.Ordinal);
        var asked = Name()
            .Matches(string.Join('\n', Expressions()) + File.ReadAllText(Alerts))
            .Select(static name => name.Value)
            .ToList();

        Assert.True(asked.Count > 50);
        Assert.All(asked, name => Assert.Contains(Suffix().Replace(name, ""), documented));
    }

    private static async Task AskAsync(GatewayProcess gateway)
    {
        using var body = new StringContent(
            """{"model":"pollard-demo","messages":[{"role":"user","content":"hi"}]}""",
            Encoding.UTF8,
            "application/json"
        );
        using var answer = await gateway.Http.PostAsync("/v1/chat/completions", body, Token);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>What the dashboard's panels ask, with all of what can be chosen.</summary>
    private static IReadOnlyList<string> Expressions()
    {
        using var dashboard = JsonDocument.Parse(File.ReadAllText(Path.Combine(Root, "docs/operate/grafana.json")));
        return
        [
            .. dashboard
                .RootElement.GetProperty("panels")
                .EnumerateArray()
                .Where(static panel => panel.TryGetProperty("targets", out _))
                .SelectMany(static panel => panel.GetProperty("targets").EnumerateArray())
                .Select(static target =>
                    target
                        .GetProperty("expr")
                        .GetString()!
                        .Replace("$__rate_interval", "1m", StringComparison.Ordinal)
                        .Replace("$instance|$voice", ".*", StringComparison.Ordinal)
                        .Replace("$instance", ".*", StringComparison.Ordinal)
                        .Replace("$voice", ".*", StringComparison.Ordinal)
                ),
        ];
    }

    [GeneratedRegex(
        @"\b(pollard|gen_ai_server|gen_ai_client)_[a-z_]+(?=[{\[)}\s]|$)",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 60_000
    )]
    private static partial Regex Name();

    [GeneratedRegex(
        "(_seconds)?(_bucket|_count|_sum|_total)?$",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 60_000
    )]
    private static partial Regex Suffix();
}
