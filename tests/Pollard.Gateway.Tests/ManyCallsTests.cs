using System.Text.Json;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>Calls that come at once through a door, each of which must get its own answer and no other's.</summary>
public sealed class ManyCallsTests
{
    private const int Calls = 200;

    [Theory]
    [InlineData("/v1/tasks", "id", """{"kind":"chat","model":"claude","request":{"messages":MESSAGES}}""", 202)]
    [InlineData("/v1/tasks/submit", "task_id", """{"llm_config":{"model":"max/x","messages":MESSAGES}}""", 200)]
    [InlineData(
        "/v1/chat/completions",
        "task_id",
        """{"model":"max/x","polling_mode":true,"messages":MESSAGES}""",
        200
    )]
    [InlineData("/v1/chat/completions", null, """{"model":"max/x","polling_mode":false,"messages":MESSAGES}""", 200)]
    [InlineData("/v1/chat/completions", null, """{"model":"claude","messages":MESSAGES}""", 200)]
    public async Task Each_call_gets_its_own_answer(string path, string? id, string body, int status)
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var answering = EchoAsync(host, stop.Token);
        var answers = new string?[Calls];

        await Parallel.ForAsync(
            0,
            Calls,
            new ParallelOptions { MaxDegreeOfParallelism = 50, CancellationToken = Token },
            async (i, _) =>
            {
                var messages = $$"""[{"role":"user","content":"number {{i}}"}]""";
                var call = body.Replace("MESSAGES", messages, StringComparison.Ordinal);
                var reply = await JsonOf(gateway.PostAsync(path, call), status);
                answers[i] = ContentOf(
                    id is null ? reply : await ResultAsync(gateway, reply.GetProperty(id).GetString()!)
                );
            }
        );

        Assert.All(Enumerable.Range(0, Calls), i => Assert.Equal($"re: number {i}", answers[i]));
        await stop.CancelAsync();
        await answering;
    }

    private static async Task EchoAsync(FakeHost host, CancellationToken ct)
    {
        var stopped = Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
        while (true)
        {
            var next = host.TakeAsync();
            if (await Task.WhenAny(next, stopped) == stopped)
            {
                return;
            }

            var attempt = await next;
            attempt
                .Say("re: " + attempt.Request.GetProperty("messages")[0].GetProperty("content").GetString())
                .Finish();
        }
    }

    private static async Task<JsonElement> ResultAsync(TestGateway gateway, string id) =>
        (await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=30"))).GetProperty("result");

    private static string? ContentOf(JsonElement completion) =>
        completion.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
}
