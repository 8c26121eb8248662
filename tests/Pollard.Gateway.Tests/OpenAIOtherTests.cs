using Pollard.Protocol.HostLink;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

public sealed class OpenAIOtherTests
{
    [Fact]
    public async Task Models_are_listed_once_and_found_without_their_tag()
    {
        await using var gateway = await StartAsync();
        gateway.Connect("a/b", "m:latest");
        gateway.Connect("m:latest");

        var list = await JsonOf(gateway.GetAsync("/v1/models"));
        var one = await JsonOf(gateway.GetAsync("/v1/models/m"));
        var slashed = await JsonOf(gateway.GetAsync("/v1/models/a/b"));

        Assert.Equal(
            """{"object":"list","data":[{"id":"a/b","object":"model","created":1728000000,"owned_by":"fake"},{"id":"m:latest","object":"model","created":1728000000,"owned_by":"fake"}]}""",
            list.GetRawText()
        );
        Assert.Equal("m:latest", one.GetProperty("id").GetString());
        Assert.Equal("a/b", slashed.GetProperty("id").GetString());
    }

    [Fact]
    public async Task A_prompt_is_completed_whole_and_streamed()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        var whole = gateway.PostAsync("/v1/completions", """{"model":"m","prompt":"hi"}""");
        (await host.TakeAsync()).Say("Hel").Say("lo").Finish("length");
        var stream = gateway.PostAsync("/v1/completions", """{"model":"m","prompt":["hi"],"stream":true}""");
        (await host.TakeAsync()).Say("Hel").Say("lo").Finish();
        var answer = await JsonOf(whole);
        var events = (await TextOf(stream)).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);

        Assert.StartsWith("cmpl-", answer.GetProperty("id").GetString());
        Assert.Equal(
            """{"index":0,"text":"Hello","logprobs":null,"finish_reason":"length"}""",
            answer.GetProperty("choices")[0].GetRawText()
        );
        Assert.EndsWith("""[{"index":0,"text":"Hel","finish_reason":null}]}""", events[0]);
        Assert.EndsWith("""[{"index":0,"text":"","finish_reason":"stop"}]}""", events[^2]);
        Assert.Equal("data: [DONE]", events[^1]);
    }

    [Fact]
    public async Task Vectors_come_as_numbers_or_as_base64_whatever_the_backend_sends()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        const string Result =
            """{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1,-0.5]}],"model":"m","usage":{"prompt_tokens":1}}""";

        var plain = gateway.PostAsync("/v1/embeddings", """{"model":"m","input":"x"}""");
        (await host.TakeAsync()).Send(DeltaKind.Body, Result).Finish();
        var encoded = gateway.PostAsync("/v1/embeddings", """{"model":"m","input":"x","encoding_format":"base64"}""");
        (await host.TakeAsync()).Send(DeltaKind.Body, Result).Finish();

        Assert.Equal(Result, await TextOf(plain));
        Assert.Equal(Result.Replace("[1,-0.5]", "\"AACAPwAAAL8=\"", StringComparison.Ordinal), await TextOf(encoded));
    }

    [Fact]
    public async Task Several_answers_are_kept_apart()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        const string Ask = """{"model":"m","n":2,"messages":[{"role":"user","content":"hi"}]}""";

        var whole = gateway.PostAsync("/v1/chat/completions", Ask);
        (await host.TakeAsync()).Say("a").Say("x", 1).Say("b").Say("y", 1).Finish();
        var stream = gateway.PostAsync(
            "/v1/chat/completions",
            Ask.Replace("\"n\"", "\"stream\":true,\"n\"", StringComparison.Ordinal)
        );
        (await host.TakeAsync()).Say("a").Say("x", 1).Finish();
        var choices = (await JsonOf(whole)).GetProperty("choices");
        var streamed = await TextOf(stream);

        Assert.Equal("ab", choices[0].GetProperty("message").GetProperty("content").GetString());
        Assert.Equal("xy", choices[1].GetProperty("message").GetProperty("content").GetString());
        Assert.Contains("""{"index":1,"delta":{"role":"assistant","content":""},"finish_reason":null}""", streamed);
        Assert.Contains("""{"index":1,"delta":{"content":"x"},"finish_reason":null}""", streamed);
        Assert.Equal(2, streamed.Split("\"finish_reason\":\"stop\"").Length - 1);
    }

    [Fact]
    public async Task A_silent_stream_is_kept_alive_from_its_acceptance_and_its_failure_is_then_an_event()
    {
        await using var gateway = await StartAsync(options =>
            options with
            {
                KeepAlive = TimeSpan.FromMilliseconds(20),
            }
        );
        var host = gateway.Connect("m");

        var sent = gateway.PostAsync(
            "/v1/chat/completions",
            """{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"""
        );
        var attempt = await host.TakeAsync();
        using var response = await sent;
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
        var first = await reader.ReadLineAsync(Token);
        attempt.Fail("backend_error");
        var rest = await reader.ReadToEndAsync(Token);

        Assert.Equal(": keep-alive", first);
        Assert.Contains("\"code\":\"backend_error\"", rest);
        Assert.DoesNotContain("[DONE]", rest);
    }

    [Fact]
    public async Task A_kept_answer_goes_on_when_its_client_leaves()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent(
                """{"model":"m","store":true,"stream":true,"messages":[{"role":"user","content":"hi"}]}"""
            ),
        };

        var sent = gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leave.Token);
        var attempt = await host.TakeAsync();
        attempt.Say("Hel");
        (await sent).Dispose();
        attempt.Say("lo").Finish();
        var task = await JsonOf(gateway.GetAsync($"/v1/tasks/{attempt.TaskId}/wait"));

        Assert.Equal("completed", task.GetProperty("state").GetString());
        Assert.Equal("full", task.GetProperty("durability").GetString());
    }

    [Fact]
    public async Task A_stop_answers_those_who_wait()
    {
        await using var gateway = await StartAsync();
        var id = (await JsonOf(gateway.PostAsync("/v1/tasks", """{"kind":"x","request":{}}"""), 202))
            .GetProperty("id")
            .GetString();

        using var events = await gateway.GetAsync($"/v1/tasks/{id}/events");
        await using var stream = await events.Content.ReadAsStreamAsync(Token);
        await stream.ReadExactlyAsync(new byte[1], Token);
        await gateway.Server.StopAsync(Token);

        using var reader = new StreamReader(stream);
        Assert.EndsWith("\n\n", await reader.ReadToEndAsync(Token));
    }
}
