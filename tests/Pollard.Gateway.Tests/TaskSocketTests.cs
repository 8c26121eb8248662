using System.Net.WebSockets;
using System.Text.Json;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

public sealed class TaskSocketTests
{
    private const string Submit =
        """{"kind":"chat","model":"m","request":{"messages":[{"role":"user","content":"hi"}],"stream":true}}""";

    [Fact]
    public async Task A_socket_of_a_task_says_what_its_stream_says_and_ends_with_it()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var id = await SubmitAsync(gateway);
        using var socket = await SocketClient.OpenAsync(gateway, $"/v1/tasks/{id}/ws");

        (await host.TakeAsync()).Say("Hel").Say("lo").Finish();
        var said = await socket.HearAllAsync();

        var page = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/events", ("Accept", "application/json")));
        Assert.Equal(
            page.GetProperty("events").EnumerateArray().Select(item => item.GetRawText()),
            said.Select(item => item.GetRawText())
        );
        Assert.Equal((WebSocketCloseStatus.NormalClosure, "the task has ended"), (socket.Status, socket.Reason));
    }

    [Fact]
    public async Task A_socket_of_a_task_goes_on_after_any_event()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var id = await SubmitAsync(gateway);
        (await host.TakeAsync()).Say("Hello").Finish();
        await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait"));

        using var socket = await SocketClient.OpenAsync(gateway, $"/v1/tasks/{id}/ws?after=2");
        var said = await socket.HearAllAsync();

        Assert.Equal(["usage", "completed"], said.Select(TypeOf));
    }

    [Fact]
    public async Task What_is_no_socket_has_a_status()
    {
        await using var gateway = await StartAsync();
        var id = await SubmitAsync(gateway);

        Assert.Equal(404, await SocketClient.RefusedAsync(gateway, "/v1/tasks/task_nobody/ws"));
        Assert.Equal(400, await SocketClient.RefusedAsync(gateway, $"/v1/tasks/{id}/ws?after=x"));
        foreach (var path in (string[])[$"/v1/tasks/{id}/ws", "/v1/tasks/ws"])
        {
            var problem = await JsonOf(gateway.GetAsync(path), 426);
            Assert.Equal("urn:pollard:error:upgrade_required", problem.GetProperty("type").GetString());
        }
    }

    [Fact]
    public async Task A_socket_of_one_task_takes_no_messages()
    {
        await using var gateway = await StartAsync();
        var id = await SubmitAsync(gateway);
        using var socket = await SocketClient.OpenAsync(gateway, $"/v1/tasks/{id}/ws");

        await socket.SubscribeAsync(id);
        await socket.HearAllAsync();

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, socket.Status);
        Assert.Contains("/v1/tasks/ws", socket.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_socket_follows_five_hundred_tasks()
    {
        const int Count = 500;
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var items = string.Join(',', Enumerable.Repeat(Submit, Count));
        var batch = await JsonOf(gateway.PostAsync("/v1/tasks:batch", $$"""{"tasks":[{{items}}]}"""));
        string[] ids =
        [
            .. batch
                .GetProperty("tasks")
                .EnumerateArray()
                .Select(item => item.GetProperty("task").GetProperty("id").GetString()!),
        ];
        using var socket = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);

        await socket.SubscribeAsync(ids);
        var answering = host.AnswerAllAsync("Hello", stop.Token);
        var said = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        for (var ended = 0; ended < Count; )
        {
            var message = (await socket.HearAsync())!.Value;
            var events = said.GetValueOrDefault(TaskOf(message)) ?? (said[TaskOf(message)] = []);
            var isEnd = message.TryGetProperty("ended", out _);
            ended += isEnd ? 1 : 0;
            events.Add(isEnd ? "ended" : TypeOf(message.GetProperty("event")));
        }

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answering);
        Assert.Equal(ids.Order(StringComparer.Ordinal), said.Keys.Order(StringComparer.Ordinal));
        Assert.All(
            said.Values,
            events => Assert.Equal(["submitted", "leased", "delta", "usage", "completed", "ended"], events)
        );
    }

    [Fact]
    public async Task A_subscription_goes_on_after_any_event_and_ends_when_its_client_says_so()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var one = await SubmitAsync(gateway);
        var attempt = (await host.TakeAsync()).Say("a");
        var other = await SubmitAsync(gateway);
        var otherAttempt = await host.TakeAsync();
        using var socket = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws");

        await socket.SayAsync($$$"""{"subscribe":["{{{one}}}"],"after":{"{{{one}}}":1}}""");
        var first = (await socket.HearAsync())!.Value;
        await socket.SayAsync(
            $$$"""{"unsubscribe":["{{{one}}}"],"subscribe":["{{{other}}}"],"after":{"{{{other}}}":1}}"""
        );
        otherAttempt.Say("b");
        var second = (await socket.HearAsync())!.Value;
        attempt.Say("nobody hears it").Finish();
        otherAttempt.Finish();
        List<JsonElement> rest = [];
        do
        {
            rest.Add((await socket.HearAsync())!.Value);
        } while (!rest[^1].TryGetProperty("ended", out _));

        await socket.LeaveAsync();
        Assert.Equal((one, "a"), (TaskOf(first), first.GetProperty("event").GetProperty("text").GetString()));
        Assert.Equal((other, "b"), (TaskOf(second), second.GetProperty("event").GetProperty("text").GetString()));
        Assert.All(rest, message => Assert.Equal(other, TaskOf(message)));
    }

    [Fact]
    public async Task A_key_subscribes_to_its_own_tasks_only()
    {
        await using var gateway = await StartAsync(options => options with { RequireKeys = true });
        var one = await NewKeyAsync(gateway, "one");
        var other = await NewKeyAsync(gateway, "other");
        var mine = await SubmitAsync(gateway.NewClient(one));
        var foreign = await SubmitAsync(gateway.NewClient(other));
        using var socket = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws", one);

        await socket.SubscribeAsync(foreign, "task_nobody", mine);
        JsonElement[] said =
        [
            (await socket.HearAsync())!.Value,
            (await socket.HearAsync())!.Value,
            (await socket.HearAsync())!.Value,
        ];

        Assert.Equal([foreign, "task_nobody", mine], said.Select(TaskOf));
        Assert.All(
            said[..2],
            message =>
                Assert.Equal(
                    "urn:pollard:error:task_not_found",
                    message.GetProperty("error").GetProperty("type").GetString()
                )
        );
        Assert.Equal("submitted", TypeOf(said[2].GetProperty("event")));
        Assert.Equal(404, await SocketClient.RefusedAsync(gateway, $"/v1/tasks/{foreign}/ws", one));
        Assert.Equal(401, await SocketClient.RefusedAsync(gateway, "/v1/tasks/ws"));
    }

    [Fact]
    public async Task A_key_that_has_ended_subscribes_to_nothing_more()
    {
        await using var gateway = await StartAsync(options => options with { RequireKeys = true });
        var key = await JsonOf(gateway.PostAsync("/v1/keys", """{"name":"one"}"""), 201);
        var secret = key.GetProperty("key").GetString()!;
        var id = await SubmitAsync(gateway.NewClient(secret));
        using var socket = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws", secret);
        await socket.SubscribeAsync(id);
        await socket.HearAsync();

        using var ended = await gateway.Client.DeleteAsync($"/v1/keys/{key.GetProperty("id").GetString()}", Token);
        await socket.SubscribeAsync(id);
        await socket.HearAllAsync();

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, socket.Status);
        Assert.Contains("key", socket.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_browser_sends_its_key_as_a_subprotocol_which_is_not_said_back()
    {
        await using var gateway = await StartAsync(options => options with { RequireKeys = true });
        var key = await NewKeyAsync(gateway, "one");
        var id = await SubmitAsync(gateway.NewClient(key));

        using var socket = await SocketClient.OpenAsync(
            gateway,
            $"/v1/tasks/{id}/ws",
            null,
            "pollard",
            "pollard.key." + key
        );

        Assert.Equal("pollard", socket.Protocol);
        Assert.Equal("submitted", TypeOf((await socket.HearAsync())!.Value));
        Assert.Equal(
            401,
            await SocketClient.RefusedAsync(gateway, $"/v1/tasks/{id}/ws", null, "pollard", "pollard.key.pk_wrong")
        );
    }

    [Theory]
    [InlineData("no json")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"subscribe":"task_x"}""")]
    [InlineData("""{"subscribe":[1]}""")]
    [InlineData("""{"subscribe":["task_x"],"after":{"task_x":"1"}}""")]
    [InlineData("""{"subscribe":["task_x"],"after":{"task_x":-2}}""")]
    public async Task What_makes_no_sense_ends_the_socket_with_a_reason(string message)
    {
        await using var gateway = await StartAsync();
        using var socket = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws");

        await socket.SayAsync(message);
        await socket.HearAllAsync();

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, socket.Status);
        Assert.NotEqual("", socket.Reason);
    }

    [Fact]
    public async Task Bytes_and_long_messages_end_the_socket()
    {
        await using var gateway = await StartAsync();
        using var bytes = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws");
        using var much = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws");

        await bytes.SayBytesAsync([1, 2, 3]);
        await bytes.HearAllAsync();
        await much.SayAsync(new string(' ', (64 * 1024) + 1));
        await much.HearAllAsync();

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, bytes.Status);
        Assert.Equal(WebSocketCloseStatus.MessageTooBig, much.Status);
    }

    [Fact]
    public async Task A_thousand_tasks_are_the_most()
    {
        await using var gateway = await StartAsync();
        var items = string.Join(',', Enumerable.Repeat(Submit, 1_000));
        var batch = await JsonOf(gateway.PostAsync("/v1/tasks:batch", $$"""{"tasks":[{{items}}]}"""));
        string[] ids =
        [
            .. batch
                .GetProperty("tasks")
                .EnumerateArray()
                .Select(item => item.GetProperty("task").GetProperty("id").GetString()!),
            await SubmitAsync(gateway),
        ];
        using var socket = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws");

        await socket.SubscribeAsync(ids[..500]);
        await socket.SubscribeAsync(ids[500..]);
        JsonElement refusal = default;
        for (var i = 0; i <= 1_000; i++)
        {
            var message = (await socket.HearAsync())!.Value;
            refusal = message.TryGetProperty("error", out _) ? message : refusal;
        }

        Assert.Equal(ids[^1], TaskOf(refusal));
        Assert.Equal(
            "urn:pollard:error:too_many_subscriptions",
            refusal.GetProperty("error").GetProperty("type").GetString()
        );
    }

    [Fact]
    public async Task A_slow_reader_holds_up_nobody_and_misses_nothing()
    {
        const int Pieces = 100;
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        string[] ids = [.. await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => SubmitAsync(gateway)))];
        using var slow = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws");
        using var quick = await SocketClient.OpenAsync(gateway, $"/v1/tasks/{ids[0]}/ws");
        await slow.SubscribeAsync(ids);
        var text = new string('x', 50_000); // Of all tasks more than what two ends of a connection hold.

        var hearing = quick.HearAllAsync();
        foreach (var _ in ids)
        {
            var attempt = await host.TakeAsync();
            for (var i = 0; i < Pieces; i++)
            {
                attempt.Say(text);
            }

            attempt.Finish();
        }

        foreach (var id in ids)
        {
            var ended = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait"));
            Assert.Equal("completed", ended.GetProperty("state").GetString());
        }

        var heard = await hearing;
        var late = ids.ToDictionary(id => id, _ => new List<int>(), StringComparer.Ordinal);
        for (var ends = 0; ends < ids.Length; )
        {
            var message = (await slow.HearAsync())!.Value;
            if (message.TryGetProperty("event", out var item))
            {
                late[TaskOf(message)].Add(item.GetProperty("seq").GetInt32());
            }
            else
            {
                ends++;
            }
        }

        Assert.Equal(Pieces, heard.Count(item => TypeOf(item) == "delta"));
        Assert.All(late.Values, numbers => Assert.Equal(Enumerable.Range(0, Pieces + 4), numbers));
    }

    [Fact]
    public async Task A_gateway_that_stops_says_so()
    {
        await using var gateway = await StartAsync();
        var id = await SubmitAsync(gateway);
        using var one = await SocketClient.OpenAsync(gateway, $"/v1/tasks/{id}/ws");
        using var many = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws");
        await many.SubscribeAsync(id);
        await one.HearAsync();
        await many.HearAsync();

        var stopping = gateway.Server.StopAsync(Token);
        await one.HearAllAsync();
        await many.HearAllAsync();
        await stopping;

        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, one.Status);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, many.Status);
        Assert.Contains("go on after", many.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_that_follows_nothing_is_closed()
    {
        await using var gateway = await StartAsync(options => options with { MaxWait = TimeSpan.FromMilliseconds(50) });
        using var socket = await SocketClient.OpenAsync(gateway, "/v1/tasks/ws");

        await socket.HearAllAsync();

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, socket.Status);
        Assert.Contains("subscribed to nothing", socket.Reason, StringComparison.Ordinal);
    }

    private static string TypeOf(JsonElement item) => item.GetProperty("type").GetString()!;

    private static string TaskOf(JsonElement message) => message.GetProperty("task").GetString()!;

    private static Task<string> SubmitAsync(TestGateway gateway) => SubmitAsync(gateway.Client);

    private static async Task<string> SubmitAsync(HttpClient client) =>
        (await JsonOf(PostAsync(client, "/v1/tasks", Submit), 202)).GetProperty("id").GetString()!;

    private static async Task<string> NewKeyAsync(TestGateway gateway, string name) =>
        (await JsonOf(gateway.PostAsync("/v1/keys", $$"""{"name":"{{name}}"}"""), 201)).GetProperty("key").GetString()!;
}
