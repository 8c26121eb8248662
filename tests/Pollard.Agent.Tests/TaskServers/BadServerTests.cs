using System.Globalization;
using Microsoft.AspNetCore.Http;
using Pollard.Testing;

namespace Pollard.Agent.Tests.TaskServers;

/// <summary>Servers that are away, in trouble, or none at all: nothing is lost on them, and none is asked in a circle.</summary>
public sealed class BadServerTests
{
    private static readonly DateTimeOffset Start = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly JumpingClock _clock = new(Start);

    public static TheoryData<string, double> OddAnswers =>
        new()
        {
            { """{"status":"success","data":null}""", 1 },
            { """{"status":"success"}""", 1 },
            { """{"status":"wait","data":{"taskId":"t"}}""", 1.5 },
            { """{"data":{"taskId":"t"}}""", 1.5 },
            { """{"status":"success","data":{}}""", 1.5 },
            { """{"status":"success","data":[]}""", 1.5 },
            { """{"status":"success","data":{"taskId":""}}""", 1.5 },
            { """{"status":"success","data":{"taskId":7}}""", 1.5 },
            { """{"status":7,"data":{"taskId":"t"}}""", 1.5 },
            { "<html>Welcome</html>", 1.5 },
            { "[]", 1.5 },
            { "null", 1.5 },
            { "", 1.5 },
            { "{\"status\":\"success\",\"data\":{\"taskId\":\"" + new string('x', 201) + "\"}}", 1.5 },
        };

    [Theory]
    [MemberData(nameof(OddAnswers))]
    public async Task An_answer_with_no_task_is_followed_by_a_pause_and_then_by_the_next_question(
        string answer,
        double leastSeconds
    ) => await AskedAgainAsync(TaskServer.Say(200, answer), leastSeconds);

    [Theory]
    [InlineData(301, null, 1.5)]
    [InlineData(400, null, 1.5)]
    [InlineData(500, null, 3.75)]
    [InlineData(503, "20", 20)]
    [InlineData(401, null, 22.5)]
    [InlineData(403, null, 22.5)]
    [InlineData(404, null, 22.5)]
    [InlineData(429, "7", 7)]
    [InlineData(429, "-7", 1.5)]
    [InlineData(429, "0", 1.5)]
    [InlineData(429, "soon", 1.5)]
    [InlineData(429, "Fri, 01 May 2020 12:00:00 GMT", 1.5)]
    [InlineData(429, "Fri, 01 May 2026 12:00:30 GMT", 28)]
    [InlineData(429, "999999999", 600)]
    [InlineData(429, "99999999999999999999", 1.5)]
    public async Task A_status_is_followed_by_its_own_pause(int status, string? retryAfter, double leastSeconds) =>
        await AskedAgainAsync(TaskServer.Say(status, "{}", retryAfter), leastSeconds);

    [Fact]
    public async Task A_cut_is_followed_by_a_pause() => await AskedAgainAsync(TaskServer.CutAsync, 3.75);

    [Fact]
    public async Task An_answer_without_end_is_no_task() =>
        await AskedAgainAsync(
            async http =>
            {
                var piece = new byte[1024 * 1024];
                Array.Fill(piece, (byte)' ');
                for (var sent = 0; sent < 64; sent++)
                {
                    await http.Response.Body.WriteAsync(piece, http.RequestAborted);
                }
            },
            1.5
        );

    [Fact]
    public async Task Pauses_grow_while_the_trouble_lasts_and_are_short_again_after_it()
    {
        await using var server = await TaskServer.StartAsync();
        for (var i = 0; i < 4; i++)
        {
            server.Fetches.Enqueue(TaskServer.Say(500, ""));
        }

        server.Put("t1");
        server.Fetches.Enqueue(TaskServer.Say(500, ""));
        await using var agent = StartAgent(server, new ReadyBackend());
        await server.CalledAsync("get-task");

        double[] waits = [await NextAskAsync(server), await NextAskAsync(server), await NextAskAsync(server)];

        Assert.True(waits is [>= 3.75, >= 7.5, >= 15], string.Join(", ", waits));
    }

    [Fact]
    public async Task The_owner_is_told_what_is_wrong_and_what_to_do()
    {
        await using var server = await TaskServer.StartAsync();
        server.Fetches.Enqueue(TaskServer.Say(404, "<title>404</title>"));
        await using var agent = StartAgent(server, new ReadyBackend());

        var status = await agent.UntilAsync(status => status.Problems.Count > 0);

        Assert.Equal("offline", status.State);
        Assert.Contains("without /get-task?", status.Problems[0].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(500, "oops")]
    [InlineData(503, "{}")]
    [InlineData(429, "{}")]
    [InlineData(408, "")]
    [InlineData(302, "")]
    [InlineData(401, """{"status":"error"}""")]
    [InlineData(404, "<title>404 Not Found</title>")]
    [InlineData(400, "<title>400 Bad Request</title>")]
    [InlineData(200, "<html>Log in to the Wi-Fi</html>")]
    [InlineData(200, """{"status":"error","message":"later"}""")]
    [InlineData(200, "[]")]
    [InlineData(0, "cut")]
    public async Task A_result_is_brought_until_it_is_taken_with_the_same_body(int status, string body)
    {
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        for (var i = 0; i < 3; i++)
        {
            server.Deliveries.Enqueue(status == 0 ? TaskServer.CutAsync : TaskServer.Say(status, body));
        }

        await using var agent = StartAgent(server, new ReadyBackend("the answer"));

        var result = await _clock.TurnUntilAsync(server.ResultAsync());

        Assert.Equal("the answer", result.GetProperty("result").GetString());
        Assert.Empty(server.Deliveries);
        await _clock.TurnUntilAsync(agent.UntilAsync(seen => seen.Tasks is { Delivered: 1, Dropped: 0 }));
        Assert.Empty(server.Results()); // Once is enough.
    }

    [Theory]
    [InlineData(404, "Task t1 not found")]
    [InlineData(400, "taskId is required")]
    public async Task A_result_that_the_server_will_never_take_is_dropped_and_counted(int status, string message)
    {
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        server.Deliveries.Enqueue(TaskServer.Say(status, $$"""{"status":"error","message":"{{message}}"}"""));
        await using var agent = StartAgent(server, new ReadyBackend());

        var seen = await agent.UntilAsync(seen => seen.Tasks is { Dropped: 1, Deliver.Depth: 0 });

        Assert.Equal(0, seen.Tasks!.Delivered);
        Assert.Empty(TaskAgent.Journal(agent.Folder, ".task"));
    }

    [Fact]
    public async Task A_result_that_the_server_chokes_on_holds_up_no_other()
    {
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        for (var i = 0; i < 3; i++)
        {
            server.Deliveries.Enqueue(TaskServer.Say(500, ""));
        }

        await using var agent = StartAgent(server, new ReadyBackend(), options => options with { MaxConnections = 1 });
        await server.CalledAsync("complete-task");
        server.Put("t2");

        string?[] order =
        [
            (await _clock.TurnUntilAsync(server.ResultAsync())).GetProperty("taskId").GetString(),
            (await _clock.TurnUntilAsync(server.ResultAsync())).GetProperty("taskId").GetString(),
        ];

        Assert.Equal(["t1", "t2"], order.Order());
    }

    private TaskAgent StartAgent(
        TaskServer server,
        ReadyBackend backend,
        Func<AgentOptions, AgentOptions>? with = null
    ) =>
        new(
            server.Url,
            backend,
            options => (with?.Invoke(options) ?? options) with { Time = _clock, DrainWithin = TimeSpan.Zero }
        );

    private async Task AskedAgainAsync(Func<HttpContext, Task> answer, double leastSeconds)
    {
        await using var server = await TaskServer.StartAsync();
        server.Fetches.Enqueue(answer);
        server.Put("after it");
        var backend = new ReadyBackend();
        await using var agent = StartAgent(server, backend);
        await server.CalledAsync("get-task");
        if (leastSeconds > 1)
        {
            await agent.UntilAsync(status => status.Problems.Count > 0); // It has the answer: the clock must not run out on it.
        }

        var waited = await NextAskAsync(server, TimeSpan.FromSeconds(leastSeconds / 10));
        var result = await _clock.TurnUntilAsync(server.ResultAsync());

        Assert.True(waited >= leastSeconds, string.Create(CultureInfo.InvariantCulture, $"It waited {waited} s."));
        Assert.Equal("after it", result.GetProperty("taskId").GetString());
        Assert.Equal(1, backend.Runs);
    }

    /// <summary>The next question for work, and how many seconds of the turned clock passed before it.</summary>
    private async Task<double> NextAskAsync(TaskServer server, TimeSpan? step = null)
    {
        var before = _clock.GetUtcNow();
        await _clock.TurnUntilAsync(Done(server.CalledAsync("get-task")), step);
        return (_clock.GetUtcNow() - before).TotalSeconds;

        static async Task<bool> Done(Task task)
        {
            await task;
            return true;
        }
    }
}
