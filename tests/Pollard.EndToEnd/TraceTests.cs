using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Http;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>A trace leads from the client through gateway and agent to the model's server.</summary>
public sealed class TraceTests : IDisposable
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";
    private const string Client = "b7ad6b7169203331";
    private readonly ConcurrentQueue<string> _backend = []; // The trace contexts that the model's server got.
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("pollard-trace-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _data.Delete(recursive: true);

    [Fact]
    public async Task A_trace_goes_on_through_all_processes_and_one_that_begins_here_has_the_requests_id()
    {
        await using var collector = await TraceCollector.StartAsync();
        await using var server = await ToolServer.StartAsync(AnswerAsync);
        await using var gateway = await GatewayProcess.StartAsync("serve", "--otlp", collector.Url);
        await using var agent = PollardProcess.Start(
            "agent",
            "--gateway",
            gateway.Url,
            "--openai",
            server.Urls.First(),
            "--otlp",
            collector.Url,
            "--data",
            _data.FullName
        );
        await gateway.UntilModelAsync("m");

        var first = await AskAsync(gateway, $"00-{Trace}-{Client}-01");
        var second = await AskAsync(gateway, traceparent: null);
        await agent.StopAsync(); // What was not sent yet is.
        await gateway.Process.StopAsync();

        Assert.Equal(Trace, first);
        Assert.NotEqual(Trace, second);
        var backend = _backend.ToArray();
        Assert.Equal(2, backend.Length);
        CheckChain(collector, Trace, Client, backend[0]);
        CheckChain(collector, second, "", backend[1]);
    }

    private static void CheckChain(TraceCollector collector, string trace, string parent, string backend)
    {
        var spans = collector.Spans.Where(span => span.Trace == trace).ToList();
        var task = Assert.Single(spans, static span => span.Attributes.ContainsKey("pollard.task.state"));
        var attempt = Assert.Single(spans, static span => span.Name == "attempt");
        var run = Assert.Single(spans, static span => span.Attributes.ContainsKey("pollard.backend"));
        Assert.Equal(("chat m", parent), (task.Name, task.Parent));
        Assert.Equal(task.Id, attempt.Parent);
        Assert.Equal(attempt.Id, run.Parent);
        Assert.Equal($"00-{trace}-{run.Id}-01", backend);
        Assert.Equal("completed", task.Attributes["pollard.task.state"]);
        Assert.Equal("completed", attempt.Attributes["pollard.attempt.outcome"]);
        Assert.Contains("gen_ai.usage.output_tokens", task.Attributes);
        Assert.Equal(task.Attributes["pollard.task.id"], run.Attributes["pollard.task.id"]);
    }

    /// <returns>The request's id.</returns>
    private static async Task<string> AskAsync(GatewayProcess gateway, string? traceparent)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions");
        request.Content = new StringContent(
            """{"model":"m","messages":[{"role":"user","content":"hi"}]}""",
            Encoding.UTF8,
            "application/json"
        );
        if (traceparent is not null)
        {
            request.Headers.Add("traceparent", traceparent);
        }

        using var answer = await gateway.Http.SendAsync(request, Token);
        answer.EnsureSuccessStatusCode();
        return answer.Headers.GetValues("x-request-id").Single();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        if (http.Request.Method == "GET")
        {
            await http.Response.WriteAsync("""{"object":"list","data":[{"id":"m","object":"model"}]}""", Token);
            return;
        }

        _backend.Enqueue(http.Request.Headers.TraceParent.ToString());
        http.Response.ContentType = "text/event-stream";
        await http.Response.WriteAsync(
            """
            data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}

            data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}

            data: [DONE]


            """,
            Token
        );
    }
}
