using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Logs;

namespace Pollard.Agent.Tests.TaskServers.Teleport;

/// <summary>The calls of a teleport server: which of them are made, and how their answers are brought.</summary>
public sealed class TeleportTests
{
    private static readonly byte[] Large = RandomNumberGenerator.GetBytes(600_000);

    [Fact]
    public async Task A_call_goes_to_the_tool_and_its_answer_comes_back_with_the_call()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Answer = static http =>
        {
            http.Response.StatusCode = 418;
            http.Response.Headers.Append("X-Two", new(["a", "b"]));
            return http.Response.WriteAsync("wörter", http.RequestAborted);
        };
        scene.Server.Put(
            $$"""{"taskId":"t1","url":"{{scene.ToolUrl}}/x?y=1","method":"post","requestHeaders":{"X-Mark":"m","accept-encoding":"br"},"input":"in","own":[1]}"""
        );
        scene.StartAgent(options => options with { ServerKey = "secret", EnvironmentName = "prod" });

        var asked = await scene.Server.AskedAsync();
        var brought = await scene.Server.NextAsync();

        Assert.Matches(@"^\?agentId=\d+_[0-9a-f]{6}&agentVersion=\d[^&]*&envName=prod Bearer secret$", asked);
        Assert.Equal(["POST /x?y=1 m identity in"], scene.Called);
        var json = brought.Json;
        Assert.Equal("put-result", brought.Part);
        Assert.Equal("Bearer secret", brought.Headers["Authorization"]);
        Assert.Equal("t1", json.GetProperty("taskId").GetString());
        Assert.Equal("in", json.GetProperty("input").GetString());
        Assert.Equal("[1]", json.GetProperty("own").GetRawText());
        Assert.Equal(418, json.GetProperty("statusCode").GetInt32());
        Assert.Equal("a, b", json.GetProperty("responseHeaders").GetProperty("X-Two").GetString());
        Assert.True(json.GetProperty("responseBase64").GetBoolean());
        Assert.Equal("wörter", Encoding.UTF8.GetString(json.GetProperty("output").GetBytesFromBase64()));
        Assert.NotEmpty(json.GetProperty("version").GetString()!);
    }

    [Fact]
    public async Task An_empty_answer_has_no_output()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Answer = static http =>
        {
            http.Response.StatusCode = 204;
            return Task.CompletedTask;
        };
        scene.Server.Give(
            "t1",
            scene.ToolUrl + "/",
            ""","output":"not the tool's","s3Url":"nor this","statusCode":200"""
        );
        scene.StartAgent();

        var brought = await scene.Server.NextAsync();

        Assert.False(brought.Json.TryGetProperty("s3Url", out _));
        Assert.Equal(204, brought.Json.GetProperty("statusCode").GetInt32());
        Assert.False(brought.Json.TryGetProperty("output", out _));
    }

    [Theory]
    [InlineData(512_000, "put-result")]
    [InlineData(512_001, "upload-result")]
    public async Task Answers_of_more_than_512000_bytes_are_uploaded(int bytes, string part)
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Answer = http => http.Response.Body.WriteAsync(Large.AsMemory(0, bytes), http.RequestAborted).AsTask();
        scene.Server.Give("t1", scene.ToolUrl + "/");
        scene.StartAgent();

        Assert.Equal(part, (await scene.Server.NextAsync()).Part);
    }

    [Fact]
    public async Task A_large_answer_is_uploaded_packed_and_each_try_has_the_same_body()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Answer = static http => http.Response.Body.WriteAsync(Large, http.RequestAborted).AsTask();
        scene.Server.Give("t/1", scene.ToolUrl + "/");
        scene.Server.Deliveries.Enqueue(TaskServer.Say(503, ""));
        scene.Server.Deliveries.Enqueue(TaskServer.CutAsync);
        var agent = scene.StartAgent();

        var first = await scene.Server.NextAsync();
        var second = await scene.Server.NextAsync();
        var third = await scene.Server.NextAsync();
        await agent.UntilAsync(status => status.Tasks is { Delivered: 1, Deliver.Depth: 0 });

        Assert.Matches("^t1_[0-9a-f]{6}[.]zip$", first.FileName!);
        Assert.True(first.Json.GetProperty("responseZipped").GetBoolean());
        Assert.False(first.Json.TryGetProperty("output", out _));
        Assert.Equal("t/1", first.Json.GetProperty("taskId").GetString());
        Assert.Equal(Large, Unpack(first.File));
        Assert.Equal(first.File, second.File);
        Assert.Equal(first.File, third.File);
        Assert.Equal(first.FileName, third.FileName);
        Assert.Single(scene.Called);
        Assert.Empty(scene.Journal(".body"));
    }

    [Fact]
    public async Task A_server_may_want_large_answers_at_an_address_that_it_gives_out()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Answer = static http =>
        {
            http.Response.ContentType = "image/png";
            return http.Response.Body.WriteAsync(Large, http.RequestAborted).AsTask();
        };
        scene.Server.Give("t1", scene.ToolUrl + "/", ""","globalConfig":{"uploadToAC":false}""");
        scene.Server.Deliveries.Enqueue(TaskServer.Say(500, ""));
        scene.StartAgent();

        Assert.Equal("upload-url", (await scene.Server.NextAsync()).Part); // Answered by a 500.
        var asked = await scene.Server.NextAsync();
        var stored = await scene.Server.NextAsync();
        var told = await scene.Server.NextAsync();

        Assert.StartsWith("?fileName=t1_", asked.Query, StringComparison.Ordinal);
        Assert.Equal("image/png", stored.Headers["Content-Type"]);
        Assert.Equal(Large, stored.File);
        Assert.Equal("put-result", told.Part);
        Assert.Equal("https://stored.example/1", told.Json.GetProperty("s3Url").GetString());
        Assert.False(told.Json.GetProperty("responseZipped").GetBoolean());
    }

    [Theory]
    [InlineData("file:///etc/passwd")]
    [InlineData("ftp://example.com/")]
    [InlineData("http://user:pw@example.com/")]
    [InlineData("nowhere")]
    [InlineData("http://localhost:1/")] // Another address than the server's, and private.
    public async Task Nothing_is_put_where_it_should_not_be(string putUrl)
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Answer = static http => http.Response.Body.WriteAsync(Large, http.RequestAborted).AsTask();
        scene.Server.PutUrl = putUrl;
        scene.Server.Give("t1", scene.ToolUrl + "/", ""","globalConfig":{"uploadToAC":false}""");
        var agent = scene.StartAgent();

        Assert.Equal("upload-url", (await scene.Server.NextAsync()).Part);
        Assert.Equal("upload-url", (await scene.Server.NextAsync()).Part); // It asks for another one.
        Assert.Equal(0, agent.Host.Look()!.Tasks!.Delivered);
    }

    [Fact]
    public async Task Calls_of_addresses_that_the_owner_does_not_list_are_answered_and_not_made()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Give("t1", "http://169.254.169.254/latest/meta-data");
        scene.StartAgent();

        var brought = await scene.Server.NextAsync();

        Assert.Equal(500, brought.Json.GetProperty("statusCode").GetInt32());
        Assert.StartsWith(
            "Agent Side Error: the address is not one",
            brought.Json.GetProperty("output").GetString()!,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Of_tools_below_one_another_the_inner_one_is_called_and_a_redirect_is_an_answer()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Answer = static http =>
        {
            http.Response.Redirect("http://169.254.169.254/");
            return Task.CompletedTask;
        };
        scene.Server.Give("t1", scene.ToolUrl + "/");
        scene.StartAgent();

        Assert.Equal(302, (await scene.Server.NextAsync()).Json.GetProperty("statusCode").GetInt32());
    }

    [Fact]
    public async Task A_result_is_brought_by_the_next_agent_also_where_it_is_large()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Answer = static http => http.Response.Body.WriteAsync(Large, http.RequestAborted).AsTask();
        scene.Server.Give("t1", scene.ToolUrl + "/");
        scene.Server.Deliveries.Enqueue(TaskServer.Say(500, ""));
        var agent = scene.StartAgent();
        await scene.Server.NextAsync();
        await agent.StopAsync();

        Assert.Single(scene.Journal(".body"));
        scene.StartAgent();
        var brought = await scene.Server.NextAsync();

        Assert.Equal(Large, Unpack(brought.File));
        Assert.Single(scene.Called);
    }

    [Theory]
    [InlineData("get", 2)]
    [InlineData("post", 1)]
    public async Task A_call_that_was_under_way_when_the_agent_ended_is_made_again_only_where_that_does_no_harm(
        string method,
        int calls
    )
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Answer = static http => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted);
        scene.Server.Put($$"""{"taskId":"t1","url":"{{scene.ToolUrl}}/","method":"{{method}}"}""");
        var agent = scene.StartAgent();
        await scene.CalledAsync();
        await agent.StopAsync();

        scene.Answer = static http => http.Response.WriteAsync("again", http.RequestAborted);
        scene.StartAgent();
        var brought = await scene.Server.NextAsync();

        Assert.Equal(calls, scene.Called.Count);
        Assert.Equal(calls == 1 ? 500 : 200, brought.Json.GetProperty("statusCode").GetInt32());
    }

    [Fact]
    public async Task With_one_connection_a_question_that_is_held_makes_way_for_results()
    {
        await using var scene = await TeleportScene.StartAsync();
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        scene.Answer = async http =>
        {
            await goOn.Task.WaitAsync(http.RequestAborted);
            await http.Response.WriteAsync("done", http.RequestAborted);
        };
        scene.Server.Give("t1", scene.ToolUrl + "/");
        scene.StartAgent(options => options with { MaxConnections = 1 });
        await scene.Server.AskedAsync();
        await scene.Server.AskedAsync(); // Held for ever.
        goOn.SetResult();

        Assert.Equal("put-result", (await scene.Server.NextAsync()).Part);
        await scene.Server.AskedAsync();
    }

    [Fact]
    public async Task Log_files_are_sent_where_the_owner_keeps_some()
    {
        var logs = Directory.CreateTempSubdirectory("pollard-");
        try
        {
            var clock = new FakeTimeProvider(new DateTimeOffset(2026, 3, 2, 0, 0, 0, TimeSpan.Zero));
            await File.WriteAllTextAsync(
                Path.Combine(logs.FullName, "agent-2026-03-01.jsonl"),
                "yesterday",
                TestContext.Current.CancellationToken
            );
            await File.WriteAllTextAsync(
                Path.Combine(logs.FullName, "metrics-2026-03-01.jsonl"),
                "no log",
                TestContext.Current.CancellationToken
            );
            using var files = new LogFiles(logs.FullName, 7, clock);
            files.CreateLogger("test").Log(LogLevel.Error, default, "a line", null, static (said, _) => said);
            await using var scene = await TeleportScene.StartAsync();
            scene.Server.Give("fetchLogs_1", "https://any/agent/fetch-logs");
            scene.StartAgent(options => options with { LogFiles = files, EnvironmentName = "prod" });

            var sent = await scene.Server.NextAsync();

            Assert.Equal(("upload-logs", "?envName=prod"), (sent.Part, sent.Query));
            await using var zip = new ZipArchive(new MemoryStream(sent.File));
            Assert.Equal(
                ["agent-2026-03-02.jsonl", "agent-2026-03-01.jsonl"],
                zip.Entries.Select(static entry => entry.Name)
            );
            using var today = new StreamReader(await zip.Entries[0].OpenAsync(TestContext.Current.CancellationToken));
            Assert.Contains(
                "a line",
                await today.ReadToEndAsync(TestContext.Current.CancellationToken),
                StringComparison.Ordinal
            );
        }
        finally
        {
            logs.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Where_there_are_no_log_files_the_server_is_told_so()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Give("fetchLogs_1", "https://any/agent/fetch-logs");
        scene.StartAgent();

        var brought = await scene.Server.NextAsync();

        Assert.Contains("--log-dir", brought.Json.GetProperty("output").GetString()!, StringComparison.Ordinal);
    }

    private static byte[] Unpack(byte[] packed)
    {
        using var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        gzip.CopyTo(plain);
        return plain.ToArray();
    }
}
