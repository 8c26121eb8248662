using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Testing;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Andy;

/// <summary>Hosts that lie, flood or say nonsense, and what goes to hosts that must not harm them.</summary>
public sealed class BoundsTests
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));

    [Fact]
    public async Task One_address_joins_so_often_in_a_minute_and_no_more()
    {
        await using var gateway = await StartAsync(time: _clock);
        using var elsewhere = gateway.NewClientAt("127.0.0.2");

        for (var i = 0; i < 30; i++)
        {
            await JsonOf(JoinAsync(gateway.Client));
        }

        var refused = await JsonOf(JoinAsync(gateway.Client), 429);
        await JsonOf(JoinAsync(elsewhere));
        _clock.Advance(TimeSpan.FromMinutes(1));
        await JsonOf(JoinAsync(gateway.Client));

        Assert.Contains("may join in a minute", refused.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task One_address_has_so_many_hosts_and_no_more()
    {
        await using var gateway = await StartAsync(time: _clock);
        List<string> ids = [];
        for (var i = 0; i < 64; i++)
        {
            if (i is 30 or 60)
            {
                _clock.Advance(TimeSpan.FromMinutes(1));
                foreach (var id in ids)
                {
                    await JsonOf(PostAsync(gateway.Client, "/api/ping_pool", $$"""{"host_id":"{{id}}"}"""));
                }
            }

            ids.Add((await JsonOf(JoinAsync(gateway.Client))).GetProperty("host_id").GetString()!);
        }

        var refused = await JsonOf(JoinAsync(gateway.Client), 429);
        await JsonOf(PostAsync(gateway.Client, "/api/leave_pool", $$"""{"host_id":"{{ids[0]}}"}"""));
        await JsonOf(JoinAsync(gateway.Client));

        Assert.Contains("one address may have", refused.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task Of_a_list_of_models_what_cannot_be_used_is_left_out_and_the_join_holds()
    {
        await using var gateway = await StartAsync(time: _clock);
        var many = string.Join(',', Enumerable.Range(0, 300).Select(number => $"\"m{number}\""));
        string[] bad =
        [
            "\"<script>alert(1)</script>\"",
            "\"a b\"",
            $"\"{new string('x', 101)}\"",
            "\"*\"",
            "\"\"",
            "\"\\ud800\"",
            "null",
            "7",
            "[]",
            "{}",
            """{"name":7}""",
            """{"name":"off","enabled":false}""",
            """{"name":"m0","context_length":"8B","size":"big","max_concurrent":"two","details":"none"}""",
        ];

        await JsonOf(
            PostAsync(gateway.Client, "/api/join_pool", $"{{\"info\":{{\"models\":[{string.Join(',', bad)},{many}]}}}}")
        );

        var models = gateway.Engine.Hosts.Models();
        Assert.Equal(200, models.Count);
        Assert.All(models, model => Assert.Matches("^m[0-9]+$", model.Name));
    }

    [Theory]
    [InlineData("""{"client_uuid":"u","models":[{"name":"m","max_concurrent":1000000}]}""", 16)]
    [InlineData("""{"client_uuid":"u","models":[{"name":"m","max_concurrent":-5}]}""", 2)]
    [InlineData("""{"client_uuid":"u","models":["m"],"max_clients":99999999999}""", 16)]
    [InlineData("""{"client_uuid":"u","models":["m"],"max_clients":0}""", 1)]
    public async Task A_host_has_no_more_at_once_than_the_gateway_lets_it_whatever_it_says(string info, int most)
    {
        await using var gateway = await StartAsync(time: _clock);
        var joined = await JsonOf(PostAsync(gateway.Client, "/api/join_pool", "{\"info\":" + info + "}"));
        var ask = $$"""{"host_id":"{{joined.GetProperty("host_id").GetString()}}","timeout":2}""";

        for (var i = 0; i <= most; i++)
        {
            await JsonOf(
                gateway.PostAsync(
                    "/v1/tasks",
                    """{"kind":"chat","model":"m","request":{"messages":[{"role":"user","content":"x"}]}}"""
                ),
                202
            );
        }

        for (var i = 0; i < most; i++)
        {
            await JsonOf(PostAsync(gateway.Client, "/api/poll_for_work", ask));
        }

        using var more = await PostAsync(gateway.Client, "/api/poll_for_work", ask);

        Assert.Equal(204, (int)more.StatusCode);
        Assert.Equal(most, gateway.Engine.Statistics.Running);
    }

    [Theory]
    [InlineData("/api/andy/join_pool", 512 * 1024)]
    [InlineData("/api/submit_work_result", 16 * 1024 * 1024)]
    public async Task A_body_is_no_larger_than_it_needs_to_be(string path, int most)
    {
        await using var gateway = await StartAsync(time: _clock);

        await JsonOf(JoinAsync(gateway.Client));

        var error = await JsonOf(PostAsync(gateway.Client, path, "\"" + new string('x', most) + "\""), 413);

        Assert.Equal("body_too_large", error.GetProperty("error").GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("/api/submit_work_result", "200")]
    [InlineData("/api/leave_pool", "200")]
    [InlineData("/api/andy/ping_pool", "404")]
    [InlineData("/api/andy/check_for_work", "404")]
    [InlineData("/api/poll_for_work", "404")]
    public async Task Nothing_large_is_read_of_an_address_that_has_no_host(string path, string status)
    {
        await using var gateway = await StartAsync(time: _clock);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync("127.0.0.1", gateway.Server.Addresses[0].Port, Token);

        await socket.SendAsync(
            Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000\r\n\r\n"),
            Token
        ); // And not a byte of the body.
        var reply = new byte[1024];
        var length = await socket.ReceiveAsync(reply, Token);

        Assert.StartsWith($"HTTP/1.1 {status} ", Encoding.ASCII.GetString(reply, 0, length), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hosts_of_one_address_call_so_often_in_a_minute_and_no_more()
    {
        await using var gateway = await StartAsync(time: _clock);
        using var elsewhere = gateway.NewClientAt("127.0.0.2");
        var ping = await PingOfAsync(gateway.Client);
        var pingElsewhere = await PingOfAsync(elsewhere);

        for (var i = 0; i < 12_000; i += 100)
        {
            await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => JsonOf(SayAsync(gateway.Client, ping))));
        }

        var refused = await JsonOf(SayAsync(gateway.Client, ping), 429);
        await JsonOf(PostAsync(gateway.Client, "/api/join_pool", ping), 429); // The same host again and again.
        await JsonOf(SayAsync(elsewhere, pingElsewhere));
        _clock.Advance(TimeSpan.FromMinutes(1));
        await JsonOf(SayAsync(gateway.Client, ping));

        Assert.Contains("requests a minute", refused.GetProperty("error").GetProperty("message").GetString());

        static async Task<string> PingOfAsync(HttpClient client) =>
            $$"""{"host_id":"{{(await JsonOf(JoinAsync(client))).GetProperty("host_id").GetString()}}"}""";

        static Task<HttpResponseMessage> SayAsync(HttpClient client, string ping) =>
            PostAsync(client, "/api/ping_pool", ping);
    }

    [Fact]
    public async Task What_a_client_asks_of_Ollama_reaches_it_in_its_words_and_nothing_that_is_its_owners_to_say()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = new AndyClient(gateway.Client, Generation.Of("4"), "m");
        await client.JoinAsync();

        _ = gateway.PostAsync(
            "/api/chat",
            """
            {"model":"m","stream":false,"keep_alive":-1,"format":"json","messages":[{"role":"user","content":"hello"}],
             "options":{"temperature":0.5,"num_predict":9,"stop":"***","num_gpu":99,"num_ctx":1000000,"num_thread":1,"use_mlock":true,"mirostat":2}}
            """
        );
        var parameters = (await client.UntilWorkAsync()).GetProperty("params");
        var options = parameters.GetProperty("options");

        Assert.Equal(
            ["mirostat", "num_predict", "stop", "temperature"],
            options.EnumerateObject().Select(option => option.Name).Order(StringComparer.Ordinal)
        );
        Assert.Equal("***", options.GetProperty("stop")[0].GetString());
        Assert.False(parameters.GetProperty("stream").GetBoolean());
        Assert.Equal("json", parameters.GetProperty("format").GetString());
        Assert.False(parameters.TryGetProperty("keep_alive", out _));
    }

    [Fact]
    public async Task The_library_of_the_last_generation_gets_only_what_it_knows()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = new AndyClient(gateway.Client, Generation.Of("5"), "m");
        await client.JoinAsync();

        _ = gateway.PostAsync(
            "/v1/chat/completions",
            """
            {"model":"m","temperature":0.5,"top_k":3,"min_p":0.1,"max_tokens":9,"stop":"***","user":"me","stream":true,
             "timeout":5,"extra_body":{},"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello"}]}
            """
        );
        var parameters = (await client.UntilWorkAsync()).GetProperty("params");

        Assert.Equal(
            ["max_tokens", "stop", "temperature"],
            parameters.EnumerateObject().Select(parameter => parameter.Name).Order(StringComparer.Ordinal)
        );
    }

    [Theory]
    [InlineData("2")]
    [InlineData("3")]
    public async Task A_host_that_can_lists_its_models_when_it_is_asked_to(string generation)
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = new AndyClient(gateway.Client, Generation.Of(generation), "m");
        var cannot = new AndyClient(gateway.Client, Generation.Of("4"), "m");
        await client.JoinAsync();
        await cannot.JoinAsync();

        var asked = await JsonOf(gateway.PostAsync("/api/andy/admin/model_discovery", ""));
        var again = await JsonOf(gateway.PostAsync("/api/andy/admin/model_discovery", ""));
        var work = await client.UntilWorkAsync();
        await client.SubmitAsync(
            work,
            new()
            {
                ["result"] = JsonSerializer.SerializeToNode(new { models = new[] { new { name = "new:latest" } } }),
            }
        );

        Assert.Equal(1, asked.GetProperty("hosts_asked").GetInt32());
        Assert.Equal(0, again.GetProperty("hosts_asked").GetInt32()); // Not again so soon.
        Assert.Equal("model_discovery", work.GetProperty("task_type").GetString());
        Assert.Contains(gateway.Engine.Hosts.Models(), model => model.Name == "new:latest");
    }

    [Fact]
    public async Task Nonsense_is_refused_and_harms_nothing()
    {
        await using var gateway = await StartAsync(time: _clock);
        var joined = await JsonOf(JoinAsync(gateway.Client));
        var id = joined.GetProperty("host_id").GetString()!;
        (string Path, string Sample)[] samples =
        [
            (
                "join_pool",
                """{"host_id":"x","info":{"models":[{"name":"m","max_concurrent":2}],"client_uuid":"","capabilities":["text"]}}"""
            ),
            ("ping_pool", $$"""{"host_id":"{{id}}","current_load":3,"models":["m"]}"""),
            ("poll_for_work", """{"host_id":"nobody","models":["m"],"timeout":1}"""),
            ("submit_work_result", """{"work_id":"w","result":{"message":{"content":"x"},"eval_count":7}}"""),
            ("leave_pool", """{"host_id":"nobody"}"""),
        ];

        foreach (var (path, sample) in samples)
        {
            for (var seed = 0; seed < 25; seed++)
            {
                using var content = new ByteArrayContent(JsonFuzz.Damage(sample, seed));
                using var reply = await gateway.Client.PostAsync($"/api/andy/{path}", content, Token);

                Assert.Contains((int)reply.StatusCode, (int[])[200, 204, 400, 404, 429]);
            }
        }

        await JsonOf(gateway.GetAsync("/api/andy/pool_status"));
    }

    [Fact]
    public async Task A_result_that_is_none_fails_the_try()
    {
        await using var gateway = await StartAsync(
            engineOptions: new Tasks.TaskEngineOptions { MaxAttempts = 1 },
            time: _clock
        );
        var client = new AndyClient(gateway.Client, Generation.Of("4"), "m");
        await client.JoinAsync();
        string[] results = ["null", "7", "{}", """{"message":7}""", """{"error":{"message":"x"}}"""];

        foreach (var result in results)
        {
            var asked = gateway.PostAsync(
                "/v1/chat/completions",
                """{"model":"m","messages":[{"role":"user","content":"hello"}]}"""
            );
            var work = await client.UntilWorkAsync();
            using var taken = await PostAsync(
                gateway.Client,
                "/api/andy/submit_work_result",
                $$"""{"work_id":"{{work.GetProperty("work_id").GetString()}}","result":{{result}}}"""
            );
            using var answer = await asked;

            Assert.Equal(200, (int)taken.StatusCode);
            Assert.Equal(502, (int)answer.StatusCode);
        }
    }

    [Theory]
    [InlineData("""cut \ud83d""", "cut \ufffd")]
    [InlineData("""\ude00 cut""", "\ufffd cut")]
    [InlineData("""whole \ud83d\ude00, \\ud83d and \n""", "whole \U0001F600, \\ud83d and \n")]
    public async Task An_answer_with_half_a_character_is_good_but_for_that(string content, string read)
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = new AndyClient(gateway.Client, Generation.Of("4"), "m");
        await client.JoinAsync();

        var asked = gateway.PostAsync(
            "/v1/chat/completions",
            """{"model":"m","messages":[{"role":"user","content":"hello"}]}"""
        );
        var id = (await client.UntilWorkAsync()).GetProperty("work_id").GetString();
        await JsonOf(
            PostAsync(
                gateway.Client,
                "/api/andy/submit_work_result",
                $"{{\"work_id\":\"{id}\",\"result\":{{\"message\":{{\"content\":\"{content}\"}}}}}}"
            )
        );

        var answer = await JsonOf(asked);
        Assert.Equal(read, answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
    }

    private static Task<HttpResponseMessage> JoinAsync(HttpClient client) =>
        PostAsync(client, "/api/join_pool", """{"models":["m"]}""");
}
