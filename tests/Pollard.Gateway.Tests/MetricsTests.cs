using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Observability;

namespace Pollard.Gateway.Tests;

/// <summary>What Prometheus reads, at a process's own address.</summary>
public sealed class MetricsTests : IDisposable
{
    private readonly Meter _meter = new("Pollard.Test");
    private readonly Telemetry _telemetry = Telemetry.Start(new TelemetryOptions("a-test", "1.2.3"));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _telemetry.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public async Task Figures_are_shown_in_Prometheus_format_with_times_in_seconds_finely()
    {
        _meter
            .CreateCounter<long>("pollard.test.calls", "{call}", "Calls.")
            .Add(3, new KeyValuePair<string, object?>("kind", "a \"b\"\n"));
        _meter.CreateHistogram<double>("pollard.test.took", "s", "Took.").Record(0.003);
        await using var server = await MetricsServer.StartAsync(
            new IPEndPoint(IPAddress.Loopback, 0),
            _telemetry,
            Token
        );
        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = server.Address };

        var text = await http.GetStringAsync("/metrics", Token);

        Assert.Contains(
            "pollard_test_calls_total{otel_scope_name=\"Pollard.Test\",kind=\"a \\\"b\\\"\\n\"} 3",
            text,
            StringComparison.Ordinal
        );
        Assert.Contains("le=\"0.0025\"} 0", text, StringComparison.Ordinal);
        Assert.Contains("le=\"0.005\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("service_name=\"a-test\"", text, StringComparison.Ordinal);
        Assert.Contains("dotnet_gc_pause_time_seconds_total", text, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/", Token)).StatusCode);
        using var open = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        open.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse("application/openmetrics-text; version=1.0.0"));
        var answer = await http.SendAsync(open, Token);
        Assert.EndsWith("# EOF\n", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_a_gateway_with_keys_only_an_admin_sees_them()
    {
        await using var gateway = await TestGateway.StartAsync(
            static options => options with { RequireKeys = true },
            telemetry: _telemetry
        );
        var admin = gateway.NewClient(gateway.Server.FirstAdminKey);
        var made = await TestGateway.JsonOf(TestGateway.PostAsync(admin, "/v1/keys", """{"name":"reader"}"""), 201);
        var reader = gateway.NewClient(made.GetProperty("key").GetString());

        Assert.Equal(
            HttpStatusCode.Unauthorized,
            (await gateway.NewClient(null).GetAsync("/metrics", Token)).StatusCode
        );
        Assert.Equal(HttpStatusCode.Forbidden, (await reader.GetAsync("/metrics", Token)).StatusCode);
        Assert.Contains("dotnet_gc", await admin.GetStringAsync("/metrics", Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_collector_gets_what_was_counted_at_the_end_at_the_latest()
    {
        var got = new TaskCompletionSource<(string Path, string Body)>(
            TaskCreationOptions.RunContinuationsAsynchronously
        );
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using var collector = builder.Build();
        collector.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body, http.RequestAborted);
            got.TrySetResult((http.Request.Path, Encoding.UTF8.GetString(body.ToArray())));
        });
        await collector.StartAsync(Token);
        var address = new Uri(
            collector.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()
        );

        using (Telemetry.Start(new TelemetryOptions("sender", "1") { Collector = address }))
        {
            _meter.CreateCounter<long>("pollard.test.sent").Add(1);
        }

        var (path, text) = await got.Task.WaitAsync(Token);
        Assert.Equal("/v1/metrics", path);
        Assert.Contains("pollard.test.sent", text, StringComparison.Ordinal);
        Assert.Contains("sender", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_becomes_of_tasks_is_counted_by_model_once_a_host_had_them()
    {
        await using var gateway = await TestGateway.StartAsync(telemetry: _telemetry);
        var model = $"counted-{Guid.CreateVersion7():N}"; // Others of this process are counted too.
        var host = gateway.Connect(model);
        const string Body = """{"model":"MODEL","messages":[{"role":"user","content":"hi"}]}""";
        var answer = gateway.PostAsync("/v1/chat/completions", Body.Replace("MODEL", model, StringComparison.Ordinal));
        (await host.TakeAsync()).Say("hello").Finish();
        using var done = await answer;
        var failed = gateway.PostAsync("/v1/chat/completions", Body.Replace("MODEL", model, StringComparison.Ordinal));
        (await host.TakeAsync()).Fail("bad_request", retryable: false);
        using var error = await failed;

        var text = await gateway.Client.GetStringAsync("/metrics", Token);

        string[] expected =
        [
            $"pollard_task_duration_seconds_count{{otel_scope_name=\"Pollard.Tasks\",kind=\"chat\",model=\"{model}\",state=\"completed\"}} 1",
            $"pollard_task_duration_seconds_count{{otel_scope_name=\"Pollard.Tasks\",kind=\"chat\",model=\"{model}\",state=\"failed\"}} 1",
            $"pollard_task_queue_wait_seconds_count{{otel_scope_name=\"Pollard.Tasks\",kind=\"chat\",model=\"{model}\"}} 2",
            $"gen_ai_server_time_to_first_token_seconds_count{{otel_scope_name=\"Pollard.Tasks\",gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"pollard\",gen_ai_request_model=\"{model}\"}} 1",
            $"error_type=\"failed\",gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"pollard\",gen_ai_request_model=\"{model}\"}} 1",
            $"gen_ai_request_model=\"{model}\",gen_ai_token_type=\"input\"}} 3",
            $"gen_ai_request_model=\"{model}\",gen_ai_token_type=\"output\"}} 2",
        ];
        Assert.All(expected, line => Assert.Contains(line, text, StringComparison.Ordinal));
        Assert.Contains(
            "pollard_attempt_ended_total{otel_scope_name=\"Pollard.Tasks\",kind=\"chat\",outcome=\"failed\"}",
            text,
            StringComparison.Ordinal
        );
        Assert.Contains("pollard_hosts{otel_scope_name=\"Pollard.Gateway\",", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gateway_that_counts_nothing_has_no_such_address()
    {
        await using var gateway = await TestGateway.StartAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await gateway.Client.GetAsync("/metrics", Token)).StatusCode);
    }
}
