using Microsoft.AspNetCore.Http;
using Pollard.Client;
using Pollard.Protocol.Api;
using Pollard.Tests.Support;

namespace Pollard.Tests.ClientLibrary;

public sealed class TasksClientTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stream_that_breaks_is_read_on_after_the_last_event()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var read = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        gateway.On(
            "GET /v1/tasks/t1/events",
            async http =>
            {
                if (http.Request.Query["after"] == "1")
                {
                    await http.Response.WriteAsync(Documents.SentText(2, "there"), Token);
                    await http.Response.WriteAsync(Documents.Sent(3, "completed"), Token);
                    return;
                }

                await http.Response.WriteAsync(Documents.Sent(0, "submitted"), Token);
                await http.Response.WriteAsync(Documents.SentText(1, "Hello "), Token);
                await http.Response.Body.FlushAsync(Token);
                await read.Task.WaitAsync(Token); // Breaking takes away what nobody has read.
                http.Abort();
            }
        );
        gateway.On("GET /v1/tasks/t1", Documents.Task("t1", "completed"));
        using var client = new PollardClient(gateway.Url);

        List<TaskEventDocument> events = [];
        await foreach (var happened in client.Tasks.EventsAsync("t1", cancellationToken: Token))
        {
            events.Add(happened);
            if (happened.Seq == 1)
            {
                read.SetResult();
            }
        }

        Assert.Equal([0, 1, 2, 3], events.Select(happened => happened.Seq));
        Assert.Equal("Hello there", string.Concat(events.Select(happened => happened.Text)));
    }

    [Fact]
    public async Task A_stream_that_ends_well_before_the_task_does_is_read_on_too()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "GET /v1/tasks/t1/events",
            http =>
                http.Response.WriteAsync(
                    http.Request.Query.ContainsKey("after")
                        ? Documents.Sent(3, "completed")
                        : Documents.Sent(0, "submitted") + Documents.Sent(1, "leased") + Documents.Sent(2, "phase"),
                    Token
                )
        );
        gateway.On("GET /v1/tasks/t1", Documents.Task("t1", "completed"));
        using var client = new PollardClient(gateway.Url);

        var events = await client.Tasks.EventsAsync("t1", cancellationToken: Token).ToListAsync(Token);

        Assert.Equal([0, 1, 2, 3], events.Select(happened => happened.Seq));
    }

    [Fact]
    public async Task Events_of_a_task_that_is_not_there_are_a_refusal()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks/t1/events", Documents.Problem("not_found", "There is no task t1.", 404), 404);
        using var client = new PollardClient(gateway.Url);

        var refused = await Assert.ThrowsAsync<PollardException>(async () =>
            await client.Tasks.EventsAsync("t1", cancellationToken: Token).ToListAsync(Token)
        );

        Assert.Equal("urn:pollard:error:not_found", refused.Type);
        Assert.False(refused.IsTransient);
    }

    [Fact]
    public async Task A_wait_outlives_a_gateway_that_restarts()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var asked = 0;
        gateway.On(
            "GET /v1/tasks/t1/wait",
            http =>
            {
                asked++;
                http.Response.StatusCode =
                    asked == 1 ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK;
                return http.Response.WriteAsync(
                    asked switch
                    {
                        1 => Documents.Problem("starting", "The gateway starts.", 503),
                        2 => Documents.Task("t1", "running"),
                        _ => Documents.Task("t1", "completed"),
                    },
                    Token
                );
            }
        );
        using var client = new PollardClient(gateway.Url);

        var task = await client.Tasks.WaitAsync("t1", cancellationToken: Token);

        Assert.Equal("completed", task.State);
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task A_wait_that_is_over_gives_the_task_as_it_is()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks/t1/wait", Documents.Task("t1", "running"));
        using var client = new PollardClient(gateway.Url);

        var task = await client.Tasks.WaitAsync("t1", TimeSpan.Zero, Token);

        Assert.False(task.Final);
        Assert.Equal("?timeout=0", Assert.Single(gateway.Calls).Query);
    }

    [Fact]
    public async Task A_task_is_handed_in_with_its_key_and_its_idempotency_key()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("POST /v1/tasks", Documents.Task("t1", "pending"), 202);
        using var client = new PollardClient(gateway.Url, "pk_secret");
        using var request = System.Text.Json.JsonDocument.Parse("""{"messages":[]}""");

        var task = await client.Tasks.SubmitAsync(
            new SubmitTask
            {
                Kind = "chat",
                Request = request.RootElement,
                QueueTimeout = 5,
            },
            "once",
            Token
        );

        var call = Assert.Single(gateway.Calls);
        Assert.Equal("t1", task.Id);
        Assert.Equal("Bearer pk_secret", call.Headers["Authorization"]);
        Assert.Equal("once", call.Headers["Idempotency-Key"]);
        Assert.Equal("""{"kind":"chat","request":{"messages":[]},"queue_timeout":5}""", call.Body);
    }

    [Fact]
    public async Task A_refusal_says_its_type_detail_and_task()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "DELETE /v1/tasks/t1",
            http =>
            {
                http.Response.StatusCode = StatusCodes.Status409Conflict;
                http.Response.Headers["Pollard-Task"] = "t1";
                return http.Response.WriteAsync(Documents.Problem("ended", "Task t1 has completed.", 409), Token);
            }
        );
        using var client = new PollardClient(gateway.Url);

        var refused = await Assert.ThrowsAsync<PollardException>(() => client.Tasks.CancelAsync("t1", Token));

        Assert.Equal("urn:pollard:error:ended", refused.Type);
        Assert.Equal("Task t1 has completed.", refused.Message);
        Assert.Equal("t1", refused.TaskId);
        Assert.Equal(System.Net.HttpStatusCode.Conflict, refused.Status);
    }

    [Fact]
    public async Task A_page_of_a_proxy_is_a_refusal_too()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks/t1", "<html>Bad gateway</html>", 502);
        using var client = new PollardClient(
            new PollardClientOptions { Gateway = gateway.Url, RetryWithin = TimeSpan.Zero }
        );

        var refused = await Assert.ThrowsAsync<PollardException>(() => client.Tasks.GetAsync("t1", Token));

        Assert.Equal(PollardException.BadAnswer, refused.Type);
        Assert.True(refused.IsTransient);
    }

    [Fact]
    public async Task A_filter_goes_into_the_address_as_it_must()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks", """{"tasks":[]}""");
        using var client = new PollardClient(gateway.Url);

        await client.Tasks.ListAsync(
            new()
            {
                Model = "a&b:c",
                Labels = ["gpu", "zone:eu"],
                Limit = 7,
            },
            Token
        );

        Assert.Equal("?model=a%26b%3Ac&label=gpu&label=zone%3Aeu&limit=7", Assert.Single(gateway.Calls).Query);
    }
}
