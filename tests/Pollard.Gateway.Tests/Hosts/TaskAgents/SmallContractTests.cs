using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts.TaskAgents;

/// <summary>The small contract, to the letter, and where its first server and agent lost work.</summary>
public sealed class SmallContractTests
{
    private const string Task = """{"kind":"task","request":{"n":1}}""";
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));

    [Fact]
    public async Task A_task_is_fetched_and_its_result_is_the_tasks()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);
        var id = await gateway.SubmitAsync(
            """{"kind":"task","request":{"taskName":"count sheep","iterations":7,"to":[1,2]}}"""
        );

        var task = await agent.UntilTaskAsync();
        var said = await JsonOf(agent.CompleteAsync(task, ""","result":{"sheep":[1,2.50],"ok":true}"""));
        var ended = await gateway.EndOfAsync(id);

        Assert.True(Guid.TryParse(task.GetProperty("taskId").GetString(), out _));
        Assert.Equal("count sheep", task.GetProperty("taskName").GetString());
        Assert.Equal(7, task.GetProperty("iterations").GetInt32());
        Assert.Equal(JsonValueKind.String, task.GetProperty("timestamp").ValueKind);
        Assert.Equal("task", task.GetProperty("kind").GetString());
        Assert.Equal("[1,2]", task.GetProperty("request").GetProperty("to").GetRawText());
        Assert.Equal("success", said.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.String, said.GetProperty("message").ValueKind);
        Assert.Equal("completed", ended.GetProperty("state").GetString());
        Assert.Equal("""{"sheep":[1,2.50],"ok":true}""", ended.GetProperty("result").GetRawText());
    }

    [Fact]
    public async Task A_result_that_is_no_text_comes_as_bytes()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);
        var id = await gateway.SubmitAsync(Task);

        await JsonOf(agent.CompleteAsync(await agent.UntilTaskAsync(), ""","result_base64":"/wA=" """));

        var ended = await gateway.EndOfAsync(id);
        Assert.Equal("/wA=", ended.GetProperty("result").GetProperty("base64").GetString());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"taskName":7,"iterations":"many"}""")]
    [InlineData("""{"taskName":"","iterations":0}""")]
    [InlineData("""{"taskName":"a\u0000b","iterations":1e30}""")]
    [InlineData("[1]")]
    [InlineData("null")]
    public async Task What_a_request_does_not_say_is_as_the_contract_has_it(string request)
    {
        await using var gateway = await StartAsync(time: _clock);
        await gateway.SubmitAsync($$"""{"kind":"task","request":{{request}}}""");

        var task = await new SmallAgent(gateway.Client).UntilTaskAsync();

        Assert.Matches(@"^task_\d+_\d+$", task.GetProperty("taskName").GetString());
        Assert.InRange(task.GetProperty("iterations").GetInt32(), 5, 15);
    }

    [Fact]
    public async Task What_the_program_of_old_brings_is_only_the_id()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);
        var id = await gateway.SubmitAsync(Task);

        await JsonOf(agent.CompleteAsync(await agent.UntilTaskAsync()));

        Assert.Equal("completed", (await gateway.EndOfAsync(id)).GetProperty("state").GetString());
    }

    [Fact]
    public async Task Who_finds_nothing_is_held_for_five_seconds_and_then_told_so()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);

        for (var again = 0; again < 3; again++)
        {
            var fetching = agent.FetchAsync();
            await gateway.UntilHeldAsync();
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(4));
            var isHeld = !fetching.IsCompleted;
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(1));

            Assert.Null(await fetching);
            Assert.True(isHeld);
        }
    }

    [Fact]
    public async Task Who_is_held_gets_what_comes_at_once()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);

        var fetching = agent.FetchAsync();
        await gateway.UntilHeldAsync();
        await gateway.SubmitAsync(Task);

        Assert.NotNull(await fetching);
    }

    [Fact]
    public async Task To_complete_twice_counts_once()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);
        var id = await gateway.SubmitAsync(Task);
        var task = await agent.UntilTaskAsync();

        await JsonOf(agent.CompleteAsync(task, ""","result":1"""));
        var again = await JsonOf(agent.CompleteAsync(task, ""","result":2"""));
        var statistics = await JsonOf(agent.GetAsync("/stats"));

        Assert.Equal("success", again.GetProperty("status").GetString());
        Assert.Equal(1, (await gateway.EndOfAsync(id)).GetProperty("result").GetInt32());
        Assert.Equal("""{"total_tasks":1,"completed_tasks":1,"pending_tasks":0}""", statistics.GetRawText());
    }

    [Theory]
    [InlineData("{}", 400, "taskId is required")]
    [InlineData("""{"taskId":null}""", 400, "taskId is required")]
    [InlineData("""{"taskId":""}""", 400, "taskId is required")]
    [InlineData("""{"taskId":7}""", 400, "taskId is required")]
    [InlineData("""{"taskId":"X"}""", 404, "Task X not found")]
    [InlineData("""{"taskId":"<b>\u0007"}""", 404, "Task <b> not found")]
    [InlineData("taskId=X", 400, "the body is no JSON object")]
    [InlineData("[]", 400, "the body is no JSON object")]
    [InlineData("", 400, "the body is no JSON object")]
    public async Task What_is_wrong_with_a_completion_is_said_in_the_contracts_words(
        string body,
        int status,
        string message
    )
    {
        await using var gateway = await StartAsync(time: _clock);

        var said = await JsonOf(new SmallAgent(gateway.Client).PostAsync("/complete-task", body), status);

        Assert.Equal("error", said.GetProperty("status").GetString());
        Assert.Equal(message, said.GetProperty("message").GetString());
    }

    [Fact]
    public async Task What_was_fetched_and_never_completed_goes_to_another_when_its_time_is_over()
    {
        await using var gateway = await StartAsync(time: _clock);
        var (lazy, other) = (new SmallAgent(gateway.Client, "lazy"), new SmallAgent(gateway.Client, "other"));
        var id = await gateway.SubmitAsync("""{"kind":"task","request":{},"timeout":20}""");
        var lost = await lazy.UntilTaskAsync();

        var fetching = other.UntilTaskAsync();
        while (!fetching.IsCompleted)
        {
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(1));
        }

        var late = await JsonOf(lazy.CompleteAsync(lost, ""","result":"late" """), 404);
        await JsonOf(other.CompleteAsync(await fetching, ""","result":"done" """));

        var ended = await gateway.EndOfAsync(id);
        Assert.Equal(
            $"Task {lost.GetProperty("taskId").GetString()} not found",
            late.GetProperty("message").GetString()
        );
        Assert.Equal("done", ended.GetProperty("result").GetString());
    }

    [Fact]
    public async Task Of_an_agent_that_is_killed_all_goes_to_another()
    {
        await using var gateway = await StartAsync(time: _clock);
        var (killed, other) = (new SmallAgent(gateway.Client, "killed"), new SmallAgent(gateway.Client, "other"));
        List<string> ids = [];
        for (var task = 0; task < 8; task++) // As many as the first agent lost when it was stopped.
        {
            ids.Add(await gateway.SubmitAsync(Task));
            await killed.UntilTaskAsync();
        }

        for (var task = 0; task < ids.Count; task++)
        {
            var fetching = other.UntilTaskAsync();
            while (!fetching.IsCompleted)
            {
                await gateway.PassAsync(_clock, TimeSpan.FromSeconds(1));
            }

            await JsonOf(other.CompleteAsync(await fetching));
        }

        foreach (var id in ids)
        {
            Assert.Equal("completed", (await gateway.EndOfAsync(id)).GetProperty("state").GetString());
        }
    }

    [Fact]
    public async Task An_agent_that_only_completes_for_a_while_keeps_what_it_has()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);
        List<JsonElement> tasks = [];
        for (var task = 0; task < 3; task++)
        {
            await gateway.SubmitAsync(Task);
            tasks.Add(await agent.UntilTaskAsync());
        }

        foreach (var task in tasks)
        {
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(50)); // Its queues are full: it asks for nothing.
            await JsonOf(agent.CompleteAsync(task));
        }

        Assert.Equal(0, gateway.Engine.Statistics.Running);
    }

    [Fact]
    public async Task What_an_agent_hands_back_goes_to_another_and_does_not_count_as_a_try()
    {
        await using var gateway = await StartAsync(time: _clock);
        var (one, other) = (new SmallAgent(gateway.Client, "one"), new SmallAgent(gateway.Client, "other"));
        var id = await gateway.SubmitAsync("""{"kind":"task","request":{},"max_attempts":1}""");
        var task = await one.UntilTaskAsync();

        var fetching = other.FetchAsync();
        await gateway.UntilHeldAsync();
        var said = await JsonOf(one.ReturnAsync(task));
        var again = await JsonOf(one.ReturnAsync(task), 404);
        await JsonOf(other.CompleteAsync((await fetching)!.Value));

        Assert.Equal("success", said.GetProperty("status").GetString());
        Assert.Equal("error", again.GetProperty("status").GetString());
        Assert.Equal("completed", (await gateway.EndOfAsync(id)).GetProperty("state").GetString());
    }

    [Theory]
    [InlineData("\"no sheep\"", "no sheep")]
    [InlineData("""{"message":"no sheep","retryable":false}""", "no sheep")]
    [InlineData("{}", "the agent could not do the task")]
    public async Task An_agents_failure_is_the_tasks(string error, string message)
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);
        var id = await gateway.SubmitAsync("""{"kind":"task","request":{},"max_attempts":1}""");

        await JsonOf(agent.CompleteAsync(await agent.UntilTaskAsync(), $""","error":{error}"""));

        var ended = await gateway.EndOfAsync(id);
        Assert.Equal("failed", ended.GetProperty("state").GetString());
        Assert.Contains(message, ended.GetProperty("error").ToString());
    }

    [Fact]
    public async Task What_its_client_takes_back_is_not_there_to_be_completed()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);
        var id = await gateway.SubmitAsync(Task);
        var task = await agent.UntilTaskAsync();

        using var cancelled = await gateway.Client.DeleteAsync($"/v1/tasks/{id}", Token);
        await JsonOf(agent.CompleteAsync(task), 404);

        Assert.Equal("cancelled", (await gateway.EndOfAsync(id)).GetProperty("state").GetString());
    }

    [Fact]
    public async Task Other_kinds_and_models_are_fetched_by_who_names_them()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);
        var plain = agent.FetchAsync();
        await gateway.UntilHeldAsync();
        await gateway.SubmitAsync("""{"kind":"resize","model":"big","request":{"w":3}}""");

        var task = await agent.UntilTaskAsync("?kinds=crop,resize&models=big,small");
        await JsonOf(agent.CompleteAsync(task, ""","result":"resized" """));

        Assert.Equal("resize", task.GetProperty("kind").GetString());
        Assert.Equal("big", task.GetProperty("model").GetString());
        Assert.False(plain.IsCompleted);
        await gateway.SubmitAsync(Task);
        Assert.NotNull(await plain);
    }

    [Theory]
    [InlineData("?kinds=chat")]
    [InlineData("?kinds=http")]
    [InlineData("?kinds=a%20b")]
    [InlineData("?kinds=a,,b")]
    [InlineData("?models=%3Cscript%3E")]
    [InlineData("?models=*")]
    public async Task Kinds_and_models_that_are_none_are_refused_in_the_contracts_words(string query)
    {
        await using var gateway = await StartAsync(time: _clock);

        var said = await JsonOf(new SmallAgent(gateway.Client).GetAsync("/get-task" + query), 400);

        Assert.Equal("error", said.GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_request_whose_caller_leaves_swallows_nothing()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);
        using var left = new CancellationTokenSource();
        var fetching = agent.FetchAsync(ct: left.Token);
        await gateway.UntilHeldAsync();

        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetching);
        await gateway.UntilHeldAsync(0);
        await gateway.SubmitAsync(Task);

        Assert.NotNull(await agent.FetchAsync());
    }

    [Fact]
    public async Task One_address_may_ask_so_often_in_a_minute()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new SmallAgent(gateway.Client);
        await gateway.SubmitAsync(Task);
        await agent.UntilTaskAsync();

        HttpStatusCode last = default;
        for (var call = 0; call < 12_010 && last != HttpStatusCode.TooManyRequests; call++)
        {
            using var reply = await agent.PostAsync("/complete-task", """{"taskId":"X"}""");
            last = reply.StatusCode;
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, last);
    }
}
