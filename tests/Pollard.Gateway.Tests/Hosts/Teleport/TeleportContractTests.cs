using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Tests.Andy;
using Pollard.Tasks;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts.Teleport;

/// <summary>The teleport contract, to the letter: how calls go out, how answers come in, and how often may be asked.</summary>
public sealed class TeleportContractTests
{
    private const string Get = """{"url":"http://inside:8080/a"}""";
    private const string Wait = "X-Rate-Limit-Retry-After-Seconds";
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));

    [Fact]
    public async Task A_call_goes_out_and_its_answer_comes_in()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(
            """{"method":"post","url":"http://inside:8080/a?x=1","headers":{"Accept":"text/html","X-Two":["a","b"]},"body":"höhe"}"""
        );

        var call = await agent.UntilCallAsync();
        await JsonOf(
            agent.BringAsync(call, "<p>ok"u8.ToArray(), 201, ("Content-Type", "text/html"), ("Connection", "close"))
        );
        var (head, body) = await task.AnswerAsync();

        Assert.Equal("http://inside:8080/a?x=1", call.GetProperty("url").GetString());
        Assert.Equal("POST", call.GetProperty("method").GetString());
        Assert.Equal("""{"Accept":"text/html","X-Two":"a, b"}""", call.GetProperty("requestHeaders").GetRawText());
        Assert.Equal("höhe", call.GetProperty("input").GetString());
        Assert.False(call.TryGetProperty("globalConfig", out _));
        Assert.InRange(
            call.GetProperty("expiryTsMs").GetInt64() - _clock.GetUtcNow().ToUnixTimeMilliseconds(),
            500_000,
            600_000
        );
        Assert.Equal((201, "text/html", null), (head.Status, head.Field("content-type"), head.Field("connection")));
        Assert.Equal("<p>ok", body.Text());
        Assert.Equal(TaskState.Completed, (await task.EndAsync()).State);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(512_000)]
    [InlineData(512_001)]
    [InlineData(3_000_000)]
    public async Task Answers_of_any_size_come_in_whole(int bytes)
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var body = new byte[bytes];
        new Random(bytes).NextBytes(body);
        var task = await gateway.CallAsync(Get);

        await JsonOf(agent.BringAsync(await agent.UntilCallAsync(), body));

        Assert.Equal(body, (await task.AnswerAsync()).Body);
    }

    [Fact]
    public async Task A_body_without_input_is_null_and_one_of_bytes_is_text_where_it_can_be()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        await gateway.CallAsync(Get);
        await gateway.CallAsync("""{"method":"PUT","url":"http://inside/","body_base64":"w6Q="}""");
        var binary = await gateway.CallAsync("""{"method":"PUT","url":"http://inside/","body_base64":"/w=="}""");

        var first = await agent.UntilCallAsync();
        var second = await agent.UntilCallAsync();
        var nothing = agent.AskAsync();
        var ended = EndedAsync(gateway, binary);

        Assert.Equal(JsonValueKind.Null, first.GetProperty("input").ValueKind);
        Assert.Equal("ä", second.GetProperty("input").GetString());
        Assert.Equal((TaskState.Failed, "unsupported"), await ended);
        Assert.False(nothing.IsCompleted);
    }

    [Theory]
    [InlineData("""{"path":"/status"}""", "unsupported")]
    [InlineData("""{}""", "unsupported")]
    [InlineData("""{"url":"file:///etc/passwd"}""", "bad_request")]
    [InlineData("""{"url":"inside"}""", "bad_request")]
    [InlineData("""{"url":"http://inside/","method":"GET /x"}""", "bad_request")]
    [InlineData("""{"url":7}""", "bad_request")]
    [InlineData("""[]""", "bad_request")]
    public async Task A_call_that_such_an_agent_cannot_make_fails_with_the_reason(string call, string code)
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var asking = agent.AskAsync();
        await gateway.UntilHeldAsync();

        var task = await gateway.CallAsync(call);

        Assert.Equal((TaskState.Failed, code), await EndedAsync(gateway, task));
        while (!asking.IsCompleted)
        {
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(10));
        }

        Assert.Equal("""{"data":null}""", (await JsonOf(asking)).GetRawText());
    }

    [Fact]
    public async Task A_request_is_held_for_85_seconds_and_then_told_that_there_is_nothing()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);

        var asking = agent.AskAsync();
        await gateway.UntilHeldAsync();
        await gateway.PassAsync(_clock, TimeSpan.FromSeconds(84));
        var isHeld = !asking.IsCompleted;
        await gateway.PassAsync(_clock, TimeSpan.FromSeconds(2));

        var nothing = await JsonOf(asking);
        Assert.True(isHeld);
        Assert.Equal("""{"data":null}""", nothing.GetRawText());
    }

    [Fact]
    public async Task A_second_request_of_an_agent_ends_the_first_which_then_waits()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);

        var first = agent.AskAsync();
        await gateway.UntilHeldAsync();
        var second = agent.AskAsync();
        using var replaced = await first;
        var words = await replaced.Content.ReadAsStringAsync(Token);
        await gateway.CallAsync(Get);

        Assert.Equal(HttpStatusCode.TooManyRequests, replaced.StatusCode);
        Assert.Contains("Too many concurrent requests", words, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Object, (await JsonOf(second)).GetProperty("data").ValueKind);
    }

    [Fact]
    public async Task Who_asks_too_often_is_told_when_to_come_back()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        using var left = new CancellationTokenSource();
        var asking = agent.AskAsync(left.Token);
        await gateway.UntilHeldAsync();

        HttpResponseMessage? last = null;
        for (var request = 0; request < 12_010 && last?.StatusCode != HttpStatusCode.TooManyRequests; request++)
        {
            last?.Dispose();
            last = await agent.PutResultAsync([]);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, last!.StatusCode);
        Assert.Equal("60", Assert.Single(last.Headers.GetValues(Wait)));
        last.Dispose();
        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
    }

    [Fact]
    public async Task An_agent_has_as_many_calls_as_it_has_threads()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        for (var task = 0; task < 6; task++)
        {
            await gateway.CallAsync(Get);
        }

        List<JsonElement> calls = [];
        for (var call = 0; call < 5; call++)
        {
            calls.Add(await agent.UntilCallAsync());
        }

        var sixth = agent.AskAsync();
        await JsonOf(gateway.GetAsync("/api/version"));
        var isHeld = !sixth.IsCompleted;
        await JsonOf(agent.BringAsync(calls[0], []));

        Assert.True(isHeld);
        Assert.Equal(JsonValueKind.Object, (await JsonOf(sixth)).GetProperty("data").ValueKind);
    }

    [Fact]
    public async Task What_the_owner_sets_each_agent_hears_once()
    {
        await using var gateway = await StartAsync(
            static options =>
                options with
                {
                    TeleportPoolSize = 7,
                    TeleportVerify = true,
                    TeleportRequestsPerMinute = 9,
                },
            time: _clock
        );
        var agent = new WorkerAgent(gateway.Client);
        await gateway.CallAsync(Get);
        await gateway.CallAsync(Get);

        var first = await agent.UntilCallAsync();
        var second = await agent.UntilCallAsync();

        Assert.Equal(
            """{"verifyCert":true,"threadPoolSize":7,"poolSize":7,"rateLimitPerMin":9}""",
            first.GetProperty("globalConfig").GetRawText()
        );
        Assert.False(second.TryGetProperty("globalConfig", out _));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_the_agent_itself_could_not_do_is_no_answer_of_the_tool(bool packed)
    {
        const string Words = "Agent Side Error: connection refused";
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var said = WorkerAgent.Echo(await agent.UntilCallAsync(), 500);
        said["responseBase64"] = packed;
        said["output"] = packed ? Convert.ToBase64String(Encoding.UTF8.GetBytes(Words)) : Words;

        await JsonOf(agent.PutResultAsync(said));
        var row = await task.EndAsync();

        Assert.Equal((TaskState.Failed, "agent_error"), (row.State, row.Error?.Code));
        Assert.Contains("connection refused", row.Error?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tools_own_500_is_its_answer()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);

        await JsonOf(agent.BringAsync(await agent.UntilCallAsync(), "broken"u8.ToArray(), 500));
        var (head, body) = await task.AnswerAsync();

        Assert.Equal(500, head.Status);
        Assert.Equal("broken", body.Text());
    }

    [Fact]
    public async Task A_header_that_says_packed_goes_with_a_packed_body_only()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var packed = WorkerAgent.Pack("text"u8.ToArray());
        (string, string)[] fields = [("Content-Encoding", "gzip"), ("Content-Length", "7")];
        var one = await gateway.CallAsync(Get);
        await JsonOf(agent.BringAsync(await agent.UntilCallAsync(), "text"u8.ToArray(), 200, fields));
        var two = await gateway.CallAsync(Get);
        await JsonOf(agent.BringAsync(await agent.UntilCallAsync(), packed, 200, fields));

        var (unpackedHead, _) = await one.AnswerAsync();
        var (packedHead, body) = await two.AnswerAsync();

        Assert.Null(unpackedHead.Field("content-encoding"));
        Assert.Null(unpackedHead.Field("content-length"));
        Assert.Equal("gzip", packedHead.Field("content-encoding"));
        Assert.Equal(packed, body);
    }

    [Fact]
    public async Task A_body_can_be_put_directly_and_its_address_is_good_once()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var call = await agent.UntilCallAsync();

        using var brought = await agent.BringDirectlyAsync(call, "direct"u8.ToArray(), "text/plain");
        var (head, body) = await task.AnswerAsync();

        Assert.Equal(HttpStatusCode.OK, brought.StatusCode);
        Assert.Equal("text/plain", head.Field("content-type"));
        Assert.Equal("direct", body.Text());
        var address = WorkerAgent.Prefix + "upload/" + new string('a', 64); // Made up.
        using var made = await agent.PutAsync(address, "x"u8.ToArray());
        Assert.Equal(HttpStatusCode.Forbidden, made.StatusCode);
    }

    [Fact]
    public async Task An_address_takes_one_upload_which_may_be_tried_again_and_is_not_for_others()
    {
        await using var gateway = await StartAsync(time: _clock);
        using var elsewhere = gateway.NewClientAt("127.0.0.2");
        var (agent, other) = (new WorkerAgent(gateway.Client), new WorkerAgent(elsewhere));
        await gateway.CallAsync(Get);
        var task = await gateway.CallAsync(Get);
        await agent.UntilCallAsync();
        var call = await other.UntilCallAsync();
        var data = (await JsonOf(agent.GetAsync("upload-url?fileName=x"))).GetProperty("data");
        var url = data.GetProperty("putUrl").GetString()!;

        using var empty = await agent.PutAsync(url, []);
        using var good = await agent.PutAsync(url, [1]);
        using var second = await agent.PutAsync(url, [2]);
        var said = WorkerAgent.Echo(call);
        said["s3Url"] = data.GetProperty("getUrl").GetString();
        await JsonOf(other.PutResultAsync(said), 400);

        Assert.Equal(
            (HttpStatusCode.BadRequest, HttpStatusCode.OK, HttpStatusCode.Forbidden),
            (empty.StatusCode, good.StatusCode, second.StatusCode)
        );
        Assert.NotEqual(TaskState.Completed, task.Row.State);
    }

    [Fact]
    public async Task Addresses_are_given_out_only_so_many_at_once()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var before = agent.AskAsync();
        await gateway.UntilHeldAsync();
        for (var address = 0; address < 16; address++)
        {
            await JsonOf(agent.GetAsync("upload-url?fileName=x"));
        }

        await JsonOf(agent.GetAsync("upload-url?fileName=x"), 503);
        await gateway.PassAsync(_clock, TimeSpan.FromMinutes(17));
        await JsonOf(before);
        var after = agent.AskAsync(); // It was silent for so long that it is here anew.
        await gateway.UntilHeldAsync();

        await JsonOf(agent.GetAsync("upload-url?fileName=x"));
        Assert.False(after.IsCompleted);
    }

    [Fact]
    public async Task An_answer_that_lies_elsewhere_is_not_looked_for_there()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var said = WorkerAgent.Echo(await agent.UntilCallAsync());
        said["s3Url"] = "http://169.254.169.254/latest/meta-data";

        await JsonOf(agent.PutResultAsync(said), 400);

        Assert.Equal(TaskState.Failed, (await task.EndAsync()).State);
    }

    [Fact]
    public async Task Logs_are_kept_the_last_few_of_each_agent_whatever_its_name()
    {
        var directory = Directory.CreateTempSubdirectory("pollard-test-").FullName;
        await using var gateway = await StartAsync(
            options => options with { TeleportDirectory = directory },
            time: _clock
        );
        var agent = new WorkerAgent(gateway.Client);
        var asking = agent.AskAsync();
        await gateway.UntilHeldAsync();

        for (var time = 0; time < 7; time++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await JsonOf(agent.PostAsync("upload-logs?envName=..%2F..%2Fprod", LogForm("PK\u0003\u0004 a zip")));
        }

        await JsonOf(agent.PostAsync("upload-logs", LogForm("no zip")), 400);
        var files = Directory.GetFiles(directory, "*", SearchOption.AllDirectories);
        Assert.Equal(5, files.Length);
        Assert.All(files, file => Assert.StartsWith(Path.Combine(directory, "logs"), file, StringComparison.Ordinal));
        Assert.False(asking.IsCompleted);
        Directory.Delete(directory, recursive: true);
    }

    private static MultipartFormDataContent LogForm(string content) =>
        new() { { new ByteArrayContent(Encoding.Latin1.GetBytes(content)), "file", "logs.zip" } };

    private async Task<(TaskState State, string? Code)> EndedAsync(TestGateway gateway, TaskHandle task)
    {
        var ending = task.EndAsync();
        while (!ending.IsCompleted)
        {
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(1)); // Between its tries.
        }

        var row = await ending;
        return (row.State, row.Error?.Code);
    }
}
