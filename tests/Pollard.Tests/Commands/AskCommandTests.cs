using Microsoft.AspNetCore.Http;
using Pollard.Tests.Support;

namespace Pollard.Tests.Commands;

public sealed class AskCommandTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_answer_is_printed_as_it_comes_and_nothing_else()
    {
        await using var gateway = await StartAsync("completed", Documents.Result("Hello there"));
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(gateway, "ask", "Say", "hello", "--model", "m");

        Assert.Equal(ExitCode.Ok, exitCode);
        Assert.Equal("Hello there\n", shell.Out);
        Assert.Equal("", shell.Error);
    }

    [Fact]
    public async Task What_is_piped_in_comes_after_the_question()
    {
        await using var gateway = await StartAsync("completed", Documents.Result("Hello there"));
        using var shell = new TestShell { Input = "the text\n" };

        await shell.RunAsync(gateway, "ask", "Summarize:", "--model", "m", "--system", "Be brief.");

        Assert.Equal(
            """{"kind":"chat","request":{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Summarize:\n\nthe text"}]},"model":"m"}""",
            gateway.Calls[0].Body
        );
    }

    [Fact]
    public async Task In_the_background_it_prints_the_task_and_goes()
    {
        await using var gateway = await StartAsync("pending");
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(gateway, "ask", "Think.", "--model", "m", "--background");

        Assert.Equal(ExitCode.Ok, exitCode);
        Assert.Equal("t1\n", shell.Out);
        Assert.Single(gateway.Calls);
    }

    [Fact]
    public async Task The_only_model_needs_no_name()
    {
        await using var gateway = await StartAsync("completed", Documents.Result("Hello there"));
        gateway.On("GET /v1/models", """{"object":"list","data":[{"id":"only-one"}]}""");
        using var shell = new TestShell();

        await shell.RunAsync(gateway, "ask", "Hi");

        Assert.Contains("\"model\":\"only-one\"", gateway.Calls[1].Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_several_models_one_must_be_named()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/models", """{"data":[{"id":"a"},{"id":"b"}]}""");
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(gateway, "ask", "Hi");

        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains("a, b", shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_task_that_failed_says_why_and_ends_with_4()
    {
        await using var gateway = await StartAsync("failed", Documents.Error("The model ran out of memory."));
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(gateway, "ask", "Hi", "--model", "m");

        Assert.Equal(ExitCode.TaskNotCompleted, exitCode);
        Assert.Contains("failed: The model ran out of memory.", shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_stops_reading_stops_the_model()
    {
        await using var gateway = await StartAsync("running");
        using var interruption = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        gateway.On(
            "GET /v1/tasks/t1/events",
            async http =>
            {
                await http.Response.WriteAsync(Documents.SentText(1, "Hello"), Token);
                await http.Response.Body.FlushAsync(Token);
                await interruption.CancelAsync();
                await cancelled.Task.WaitAsync(http.RequestAborted);
            }
        );
        gateway.On(
            "DELETE /v1/tasks/t1",
            http =>
            {
                cancelled.SetResult();
                return http.Response.WriteAsync(Documents.Task("t1", "cancelled"), Token);
            }
        );
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = gateway.Url.ToString();

        var exitCode = await shell.RunUntilAsync(interruption.Token, "ask", "Hi", "--model", "m");

        Assert.Equal(ExitCode.Interrupted, exitCode);
        Assert.True(cancelled.Task.IsCompleted);
    }

    [Fact]
    public async Task A_model_cannot_play_with_the_terminal()
    {
        await using var gateway = await StartAsync("completed", text: """\u001b]0;owned\u0007Hi""");
        using var shell = new TestShell { IsTerminal = true };

        await shell.RunAsync(gateway, "ask", "Hi", "--model", "m");

        Assert.DoesNotContain('\u001b', shell.Out);
        Assert.Contains("]0;owned", shell.Out, StringComparison.Ordinal);
    }

    private static async Task<ScriptedGateway> StartAsync(
        string state,
        string? rest = null,
        string text = "Hello there"
    )
    {
        var gateway = await ScriptedGateway.StartAsync();
        return gateway
            .On("POST /v1/tasks", Documents.Task("t1", "pending"), 202)
            .On("GET /v1/tasks/t1", Documents.Task("t1", state, rest))
            .On(
                "GET /v1/tasks/t1/events",
                http =>
                    http.Response.WriteAsync(
                        Documents.Sent(0, "submitted")
                            + Documents.Sent(1, "leased")
                            + (state == "completed" ? Documents.SentText(2, text) : "")
                            + Documents.Sent(3, state),
                        Token
                    )
            );
    }
}
