using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Agent.Sources.TaskServers.Teleport;
using Pollard.Testing;

namespace Pollard.Agent.Tests.TaskServers.Teleport;

/// <summary>Teleport servers and calls that are odd, late, or none at all.</summary>
public sealed class BadTeleportTests
{
    // Another year than the servers': what the agent's own clock says of a call's end is nothing.
    private readonly JumpingClock _clock = new(new DateTimeOffset(2019, 5, 1, 12, 0, 0, TimeSpan.Zero));

    public static TheoryData<int, string, string?, double> Answers =>
        new()
        {
            { 204, "", null, 1 },
            { 200, """{"data":null}""", null, 1 },
            { 200, "{}", null, 1 },
            { 200, "[]", null, 1.5 },
            { 200, "<html>Log in</html>", null, 1.5 },
            { 200, """{"data":{"url":"http://x/"}}""", null, 1.5 },
            { 200, """{"data":{"taskId":7}}""", null, 1.5 },
            { 200, """{"data":[]}""", null, 1.5 },
            { 401, """{"message":"no"}""", null, 22.5 },
            { 403, "", null, 22.5 },
            { 404, "", null, 22.5 },
            { 429, "", "17", 17 },
            { 429, "", "300", 300 },
            { 429, "", "301", 1.5 },
            { 429, "", "-1", 1.5 },
            { 429, "", "soon", 1.5 },
            { 429, "Too many concurrent requests", null, 1.5 },
            { 500, "", null, 3.75 },
            { 502, "<html>Bad gateway</html>", null, 3.75 },
        };

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Each_answer_without_a_call_has_its_pause(
        int status,
        string body,
        string? wait,
        double leastSeconds
    )
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Fetches.Enqueue(http =>
        {
            if (wait is not null)
            {
                http.Response.Headers["X-Rate-Limit-Retry-After-Seconds"] = wait;
            }

            return status == 204 ? Status(http, 204) : TaskServer.Say(status, body)(http);
        });
        scene.StartAgent(options => options with { Time = _clock });
        await scene.Server.AskedAsync();

        var before = _clock.GetUtcNow();
        await _clock.TurnUntilAsync(scene.Server.AskedAsync(), TimeSpan.FromSeconds(leastSeconds / 10));
        var waited = (_clock.GetUtcNow() - before).TotalSeconds;

        Assert.True(waited >= leastSeconds, string.Create(CultureInfo.InvariantCulture, $"It waited {waited} s."));
    }

    [Fact]
    public async Task A_call_whose_time_is_over_is_answered_and_not_made()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Give("t1", scene.ToolUrl + "/", Until(TimeSpan.FromSeconds(-10)));
        scene.StartAgent();

        var brought = await scene.Server.NextAsync();

        Assert.Contains("was over", brought.Json.GetProperty("output").GetString()!, StringComparison.Ordinal);
        Assert.Empty(scene.Called);
    }

    [Fact]
    public async Task A_call_in_its_time_is_made_whatever_the_agents_clock_shows()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Give("t1", scene.ToolUrl + "/", Until(TimeSpan.FromSeconds(100)));
        scene.Server.Give("t2", scene.ToolUrl + "/", Until(TimeSpan.FromSeconds(-100)));
        scene.StartAgent(options => options with { Time = _clock, Slots = 1 });

        var first = await _clock.TurnUntilAsync(scene.Server.NextAsync());
        var second = await _clock.TurnUntilAsync(scene.Server.NextAsync());

        Assert.Equal(200, first.Json.GetProperty("statusCode").GetInt32());
        Assert.Equal(500, second.Json.GetProperty("statusCode").GetInt32());
        Assert.Single(scene.Called);
    }

    [Fact]
    public async Task A_call_that_outlasts_its_time_is_stopped_and_answered()
    {
        await using var scene = await TeleportScene.StartAsync();
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        scene.Answer = async http =>
        {
            await using var registration = http.RequestAborted.Register(stopped.SetResult);
            await stopped.Task;
        };
        scene.Server.Give("t1", scene.ToolUrl + "/", Until(TimeSpan.FromSeconds(100)));
        scene.StartAgent(options => options with { Time = _clock });

        var brought = await _clock.TurnUntilAsync(scene.Server.NextAsync());

        Assert.Contains("within", brought.Json.GetProperty("output").GetString()!, StringComparison.Ordinal);
        await stopped.Task.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(""" "url":7 """)]
    [InlineData(""" "url":"" """)]
    [InlineData(""" "url":"/etc" """)]
    [InlineData(""" "url":"file:///etc/passwd" """)]
    [InlineData(""" "url":"TOOL/a b" """)]
    [InlineData(""" "url":"TOOL/%2e%2e%2fx" """)]
    [InlineData(""" "url":"TOOL/\ud800" """)]
    [InlineData(""" "url":"TOOL/","method":"BREW" """)]
    [InlineData(""" "url":"TOOL/","method":"GET / HTTP/1.1" """)]
    [InlineData(""" "url":"TOOL/","requestHeaders":{"a b":"c"} """)]
    [InlineData(""" "url":"TOOL/","requestHeaders":{"a":"b\r\nc: d"} """)]
    public async Task A_call_that_is_none_is_answered_with_an_error(string members)
    {
        await using var scene = await TeleportScene.StartAsync();
        var said = members.Replace("TOOL", scene.ToolUrl, StringComparison.Ordinal);
        scene.Server.Put($$"""{"taskId":"t1",{{said}}}""");
        scene.Server.Give("t2", scene.ToolUrl + "/");
        scene.StartAgent(options => options with { Slots = 1 });

        var (bad, good) = (await scene.Server.NextAsync(), await scene.Server.NextAsync());

        Assert.Equal(500, bad.Json.GetProperty("statusCode").GetInt32());
        Assert.StartsWith("Agent Side Error: ", bad.Json.GetProperty("output").GetString()!, StringComparison.Ordinal);
        Assert.Equal(200, good.Json.GetProperty("statusCode").GetInt32());
        Assert.Single(scene.Called);
    }

    [Theory]
    [InlineData(""" "requestHeaders":[] """)]
    [InlineData(""" "requestHeaders":null,"input":{"a":1},"method":null """)]
    [InlineData(""" "requestHeaders":{"X-Mark":null,"X-Other":7},"expiryTsMs":"soon" """)]
    [InlineData(""" "expiryTsMs":999999999999999999 """)]
    [InlineData(""" "globalConfig":7,"expiryTsMs":1e300 """)]
    public async Task A_call_that_is_odd_is_made_all_the_same(string members)
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Put($$"""{"taskId":"t1","url":"{{scene.ToolUrl}}/",{{members}}}""");
        scene.StartAgent();

        Assert.Equal(200, (await scene.Server.NextAsync()).Json.GetProperty("statusCode").GetInt32());
    }

    [Fact]
    public async Task A_call_given_twice_is_made_once_while_it_is_known()
    {
        await using var scene = await TeleportScene.StartAsync();
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        scene.Answer = http => goOn.Task.WaitAsync(http.RequestAborted);
        scene.Server.Give("t1", scene.ToolUrl + "/");
        scene.Server.Give("t1", scene.ToolUrl + "/");
        scene.StartAgent();
        await scene.Server.AskedAsync();
        await scene.Server.AskedAsync();
        await scene.Server.AskedAsync();
        goOn.SetResult();

        await scene.Server.NextAsync();
        Assert.Single(scene.Called);
    }

    [Theory]
    [InlineData(404)]
    [InlineData(400)]
    [InlineData(409)]
    public async Task A_result_that_the_server_refuses_for_good_is_dropped(int status)
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Give("t1", scene.ToolUrl + "/");
        scene.Server.Deliveries.Enqueue(TaskServer.Say(status, """{"message":"no such task"}"""));
        var agent = scene.StartAgent();

        await agent.UntilAsync(seen => seen.Tasks is { Dropped: 1, Delivered: 0, Deliver.Depth: 0 });

        Assert.Empty(scene.Journal(".task"));
    }

    [Theory]
    [InlineData(500, "")]
    [InlineData(429, "{}")]
    [InlineData(401, "{}")]
    [InlineData(404, "<html>no such page</html>")]
    [InlineData(302, "")]
    public async Task A_result_that_the_server_cannot_take_now_is_brought_again(int status, string body)
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Give("t1", scene.ToolUrl + "/");
        scene.Server.Deliveries.Enqueue(TaskServer.Say(status, body));
        var agent = scene.StartAgent(options => options with { Time = _clock });

        await _clock.TurnUntilAsync(scene.Server.NextAsync());
        await _clock.TurnUntilAsync(scene.Server.NextAsync());

        await _clock.TurnUntilAsync(agent.UntilAsync(seen => seen.Tasks is { Dropped: 0, Delivered: 1 }));
    }

    [Fact]
    public async Task A_result_that_nobody_takes_is_given_up_a_day_after_its_time()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Give("t1", scene.ToolUrl + "/");
        for (var i = 0; i < 1_000; i++)
        {
            scene.Server.Deliveries.Enqueue(TaskServer.Say(500, ""));
        }

        var agent = scene.StartAgent(options => options with { Time = _clock });
        await agent.UntilAsync(_ => scene.Server.Deliveries.Count < 1_000); // At this pace of the clock no call would have its time.
        await _clock.TurnUntilAsync(agent.UntilAsync(seen => seen.Tasks is { Dropped: 1 }), TimeSpan.FromMinutes(5));

        Assert.True(1_000 - scene.Server.Deliveries.Count > 100);
    }

    [Fact]
    public async Task An_answer_that_is_too_large_for_the_server_becomes_an_error()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Answer = static http => http.Response.Body.WriteAsync(new byte[600_000], http.RequestAborted).AsTask();
        scene.Server.Give("t1", scene.ToolUrl + "/");
        scene.Server.Deliveries.Enqueue(TaskServer.Say(413, "{}"));
        scene.StartAgent();

        Assert.Equal("upload-result", (await scene.Server.NextAsync()).Part);
        var brought = await scene.Server.NextAsync();

        Assert.Equal("put-result", brought.Part);
        Assert.Contains("of this size", brought.Json.GetProperty("output").GetString()!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"threadPoolSize":1,"poolSize":1}""", 1)]
    [InlineData("""{"poolSize":1}""", 2)] // Without its gate it is nothing.
    [InlineData("""{"threadPoolSize":9,"poolSize":900}""", 2)] // More than the owner lets run.
    [InlineData("""{"threadPoolSize":1,"poolSize":0}""", 2)]
    [InlineData("""{"threadPoolSize":1,"poolSize":"many"}""", 2)]
    public async Task The_server_has_as_many_calls_at_the_same_time_as_it_says_and_the_owner_allows(
        string config,
        int slots
    )
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Give("t1", scene.ToolUrl + "/", $",\"globalConfig\":{config}");
        var agent = scene.StartAgent();

        await scene.Server.NextAsync();

        Assert.Equal(slots, agent.Host.Look()!.Slots);
    }

    [Fact]
    public void Settings_are_changed_by_what_makes_sense_alone()
    {
        var config = new TeleportConfig().With(
            JsonElement.Parse("""{"rateLimitPerMin":600,"uploadToAC":false,"verifyCert":false,"debugMode":true}""")
        );
        Assert.Equal(new TeleportConfig { AsksPerMinute = 600, IsUploadDirect = true }, config);
        Assert.Equal(config, config.With(JsonElement.Parse("""{"rateLimitPerMin":-1,"uploadToAC":"yes"}""")));
        Assert.Equal(new TeleportConfig(), new TeleportConfig().With(JsonElement.Parse("[1]")));
    }

    [Fact]
    public async Task A_server_is_asked_so_often_in_any_minute_and_no_more()
    {
        var rate = new AskingRate(_clock);
        for (var i = 0; i < 3; i++)
        {
            await rate.WaitAsync(3, TestContext.Current.CancellationToken);
            _clock.Advance(TimeSpan.FromSeconds(10));
        }

        var next = rate.WaitAsync(3, TestContext.Current.CancellationToken);
        _clock.Advance(TimeSpan.FromSeconds(29));
        Assert.False(next.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await next;
    }

    [Fact]
    public async Task An_agent_that_may_not_ask_yet_can_be_stopped()
    {
        await using var scene = await TeleportScene.StartAsync();
        scene.Server.Give("t1", scene.ToolUrl + "/", ""","globalConfig":{"rateLimitPerMin":1}""");
        var agent = scene.StartAgent(options => options with { Time = _clock, DrainWithin = TimeSpan.FromSeconds(60) });
        await scene.Server.NextAsync();
        await agent.UntilAsync(seen => seen.Tasks is { Delivered: 1, Deliver.Depth: 0 });

        var exit = await agent.StopAsync(); // On a clock that stands still, no wait ever ends.

        Assert.Equal(AgentEnd.Stopped, exit.End);
    }

    private static string Until(TimeSpan left) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $",\"expiryTsMs\":{(TimeProvider.System.GetUtcNow() + left).ToUnixTimeMilliseconds()}"
        );

    private static Task Status(HttpContext http, int status)
    {
        http.Response.StatusCode = status;
        return Task.CompletedTask;
    }
}
