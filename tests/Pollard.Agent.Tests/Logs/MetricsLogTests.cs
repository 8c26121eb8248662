using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Backends;
using Pollard.Agent.Logs;
using Pollard.Agent.Pipeline;
using Pollard.Agent.Tests.Backends;
using Pollard.Agent.Tests.TaskServers;

namespace Pollard.Agent.Tests.Logs;

/// <summary>The meters are the process's: no other test is to work meanwhile.</summary>
[CollectionDefinition("meters", DisableParallelization = true)]
public sealed class MeterTests;

[Collection("meters")]
public sealed class MetricsLogTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-metrics-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task RequestsAndRunsAreMeasuredWithoutAWordOfClients()
    {
        await using var server = await TaskServer.StartAsync();
        await using var target = await ScriptedServer.RefuseAsync(
            404,
            "not there",
            TestContext.Current.CancellationToken
        );
        var tool = new HttpToolOptions { Name = "wiki", Url = target.Url };
        using var backend = new HttpToolBackend(tool, TimeProvider.System, NullLogger<HttpToolBackend>.Instance);
        server.Put(
            "t1",
            """
            "kind":"http","model":"wiki","request":{"path":"/its-secret?q=its-secret"}
            """
        );
        server.Deliveries.Enqueue(TaskServer.Say(503, ""));
        server.Fetches.Enqueue(TaskServer.Say(429, ""));
        await using var agent = new TaskAgent(server.Url, backend, Measured);

        await server.ResultAsync();
        await agent.UntilAsync(status => status.Tasks is { Delivered: 1 });
        await agent.StopAsync();

        var lines = Lines();
        var requests = Of(lines, "http.request.duration_ms");
        Assert.Contains("get_task,False,429,False,busy", requests);
        Assert.Contains("get_task,True,200,True,", requests);
        Assert.Equal(
            ["target_request,False,404,,status", "upload_result,False,503,,away", "upload_result,True,200,,"],
            requests.Where(request => !request.StartsWith("get_task", StringComparison.Ordinal)).Order()
        );
        Assert.Equal([",True,,,"], Of(lines, "task.processing_duration_ms"));
        Assert.True(Single(lines, "upload.size_bytes", "upload_type", "inline") > 20);
        Assert.Equal(1, Single(lines, "pollard.agent.stage.items", "stage", "deliver"));
        Assert.All(lines, line => Assert.DoesNotContain("secret", line.GetRawText(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task CallsThatAreNotAllowedAreNoRequests()
    {
        await using var server = await TaskServer.StartAsync();
        var tool = new HttpToolOptions
        {
            Name = "wiki",
            Url = new Uri("http://127.0.0.1:9"),
            Methods = ["GET"],
        };
        using var backend = new HttpToolBackend(tool, TimeProvider.System, NullLogger<HttpToolBackend>.Instance);
        server.Put(
            "t1",
            """
            "kind":"http","model":"wiki","request":{"method":"POST","path":"/"}
            """
        );
        await using var agent = new TaskAgent(server.Url, backend, Measured);

        await server.ResultAsync();
        await agent.StopAsync();

        var lines = Lines();
        Assert.DoesNotContain(
            Of(lines, "http.request.duration_ms"),
            request => request.StartsWith("target_request", StringComparison.Ordinal)
        );
        Assert.Equal([",False,,,not_allowed"], Of(lines, "task.processing_duration_ms"));
    }

    [Fact]
    public async Task GaugesAndCountersAreSampledEveryTenSeconds()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
        using var watchdog = new Watchdog(clock, _ => { });
        using var figures = new PipelineFigures(clock, (() => 1, () => 2, () => 3), () => 4);
        var options = new AgentOptions { MetricsDirectory = _folder.FullName, Time = clock };
        var sampled = 0;
        await using (MetricsLog.Begin(options, watchdog, NullLogger<MetricsLog>.Instance))
        {
            figures.Dropped();
            for (var i = 0; i < 1000 && sampled == 0; i++)
            {
                clock.Advance(TimeSpan.FromSeconds(10));
                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, CancellationToken.None);
                sampled = Lines().Count(line => Name(line) == "pollard.agent.tasks");
            }

            figures.Dropped();
        }

        var lines = Lines();
        Assert.NotEqual(0, sampled);
        Assert.Equal(2, Single(lines, "pollard.agent.tasks", "outcome", "dropped"));
        Assert.Equal(2, Single(lines, "pollard.agent.stage.depth", "stage", "process"));
        Assert.Contains(lines, line => Name(line) == "pollard.agent.requests.open");
    }

    private AgentOptions Measured(AgentOptions options) => options with { MetricsDirectory = _folder.FullName };

    private List<JsonElement> Lines() =>
        [
            .. _folder
                .EnumerateFiles("metrics-*.jsonl")
                .SelectMany(file => File.ReadAllLines(file.FullName))
                .Select(line => JsonElement.Parse(line)),
        ];

    private static string? Name(JsonElement line) => line.GetProperty("metric_name").GetString();

    private static List<string> Of(List<JsonElement> lines, string name)
    {
        var found = lines.Where(line => Name(line) == name).ToList();
        Assert.All(found, line => Assert.True(line.GetProperty("value").GetDouble() >= 0));
        Assert.All(found, line => Assert.True(line.GetProperty("@timestamp").GetInt64() > 1_700_000_000_000));
        string[] tags = ["operation", "success", "status_code", "has_task", "error_type"];
        return [.. found.Select(line => string.Join(',', tags.Select(tag => Tag(line, tag))))];
    }

    /// <summary>The last value of a name with a tag.</summary>
    private static double Single(List<JsonElement> lines, string name, string tag, string value) =>
        lines.Last(line => Name(line) == name && Tag(line, tag) == value).GetProperty("value").GetDouble();

    private static string Tag(JsonElement line, string tag) =>
        line.GetProperty("tags").TryGetProperty(tag, out var value) ? value.ToString() : "";
}
