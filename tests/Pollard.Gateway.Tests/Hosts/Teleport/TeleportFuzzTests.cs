using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Pollard.Tasks;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts.Teleport;

/// <summary>Bodies that are nearly right: nothing of them is an error of the gateway's, and none of them ends a task well.</summary>
public sealed class TeleportFuzzTests
{
    private const string Get = """{"url":"http://inside:8080/a"}""";
    private const string Boundary = "----b0a1";
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task A_body_with_parts_that_is_changed_anywhere_is_answered(int seed)
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        await gateway.CallAsync(Get, "teleport", static task => task with { MaxAttempts = 100 });
        var call = await agent.UntilCallAsync();
        var random = new Random(seed);
        byte[] good =
        [
            .. Encoding.UTF8.GetBytes(
                $"--{Boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.zip\"\r\nContent-Type: application/zip\r\n\r\n"
            ),
            .. WorkerAgent.Pack("the answer"u8.ToArray()),
            .. Encoding.UTF8.GetBytes(
                $"\r\n--{Boundary}\r\nContent-Disposition: form-data; name=\"task\"\r\n\r\n{WorkerAgent.Echo(call).ToJsonString()}\r\n--{Boundary}--\r\n"
            ),
        ];

        for (var round = 0; round < 150; round++)
        {
            using var content = new ByteArrayContent(Change(good, random));
            content.Headers.ContentType = MediaTypeHeaderValue.Parse($"multipart/form-data; boundary={Boundary}");
            using var reply = await agent.PostAsync("upload-result", content);

            Assert.InRange((int)reply.StatusCode, 200, 499);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_result_that_is_changed_anywhere_is_answered(int seed)
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        await gateway.CallAsync(Get);
        var call = await agent.UntilCallAsync();
        var said = WorkerAgent.Echo(call, 200, ("Content-Type", "text/html"));
        said["responseBase64"] = true;
        said["output"] = "dGhlIGFuc3dlcg==";
        var good = Encoding.UTF8.GetBytes(said.ToJsonString());
        var random = new Random(seed);

        for (var round = 0; round < 200; round++)
        {
            using var content = new ByteArrayContent(Change(good, random));
            using var reply = await agent.PostAsync("put-result", content);

            Assert.InRange((int)reply.StatusCode, 200, 499);
        }
    }

    [Theory]
    [InlineData("statusCode", "\"200\"")]
    [InlineData("statusCode", "99")]
    [InlineData("statusCode", "1e3")]
    [InlineData("statusCode", "null")]
    [InlineData("output", "\"no base64!\"")]
    public async Task A_result_without_a_good_status_or_body_is_no_answer(string member, string value)
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var said = WorkerAgent.Echo(await agent.UntilCallAsync());
        said["responseBase64"] = true;
        said[member] = System.Text.Json.Nodes.JsonNode.Parse(value);

        await JsonOf(agent.PutResultAsync(said));
        var row = await task.EndAsync();

        Assert.Equal((TaskState.Failed, "agent_error"), (row.State, row.Error?.Code));
    }

    [Fact]
    public async Task Of_a_header_what_would_break_an_answer_is_left_out()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var call = await agent.UntilCallAsync();
        (string, string)[] fields =
        [
            ("X-Good", "yes"),
            ("X-Split", "a\r\nSet-Cookie: b"),
            ("X Bad", "no"),
            ("", "no"),
            ("Transfer-Encoding", "chunked"),
            .. Enumerable.Range(0, 500).Select(number => ($"X-{number}", new string('x', 200))),
        ];

        await JsonOf(agent.BringAsync(call, [], 200, fields));
        var (head, _) = await task.AnswerAsync();

        Assert.Equal("yes", head.Field("x-good"));
        Assert.Null(head.Field("x-split"));
        Assert.Null(head.Field("x bad"));
        Assert.Null(head.Field("transfer-encoding"));
        Assert.InRange(head.Headers!.Count, 100, 200);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("multipart/form-data")]
    [InlineData("multipart/form-data; boundary=\"\"")]
    [InlineData("multipart/mixed; boundary=b")]
    public async Task A_body_without_parts_is_refused(string type)
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        await gateway.CallAsync(Get);
        await agent.UntilCallAsync();
        using var content = new ByteArrayContent("{}"u8.ToArray());
        content.Headers.TryAddWithoutValidation("Content-Type", type);

        await JsonOf(agent.PostAsync("upload-result", content), 400);
    }

    private static byte[] Change(byte[] good, Random random)
    {
        var bad = good.ToArray();
        switch (random.Next(4))
        {
            case 0:
                return bad[..random.Next(bad.Length)];
            case 1:
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
                return bad;
            case 2:
                var at = random.Next(bad.Length);
                return [.. bad[..at], .. bad[random.Next(bad.Length)..]];
            default:
                Array.Fill(bad, (byte)random.Next(256), random.Next(bad.Length / 2), random.Next(bad.Length / 2));
                return bad;
        }
    }
}
