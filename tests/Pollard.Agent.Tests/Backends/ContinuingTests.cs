using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Continuing;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Simulators;

namespace Pollard.Agent.Tests.Backends;

public sealed class ContinuingTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ollama_goes_on_where_the_answer_was_cut()
    {
        await using var server = await OllamaAsync(new() { Tokens = 20 });
        using var backend = Ollama(server);
        Assert.Contains(ModelInfo.Prefill, await CapabilitiesAsync(backend));
        var (whole, usage) = await WholeAsync(backend);

        RecordingOutput rest = new();
        var seam = whole.IndexOf(' ', whole.Length / 2);
        var result = await backend.RunAsync(Cut(whole[..seam]), rest, Token);

        Assert.Equal(whole[seam..], rest.Content);
        Assert.Equal(usage, result.Finish!.Usage!.Value.GetProperty("total_tokens").GetInt64());
    }

    [Fact]
    public async Task A_server_of_OpenAIs_API_goes_on_once_it_has_answered()
    {
        await using var server = await OpenAiSimulator.StartAsync("http://127.0.0.1:0", new() { Tokens = 20 }, Token);
        using OpenAiBackend backend = new(
            new() { BaseUrl = server.Url },
            TimeProvider.System,
            NullLogger<OpenAiBackend>.Instance
        );
        Assert.DoesNotContain(ModelInfo.Prefill, await CapabilitiesAsync(backend)); // It may not be in memory.
        var (whole, _) = await WholeAsync(backend);
        Assert.Contains(ModelInfo.Prefill, await CapabilitiesAsync(backend));

        RecordingOutput rest = new();
        var seam = whole.IndexOf(' ', whole.Length / 2);
        await backend.RunAsync(Cut(whole[..seam]), rest, Token);

        Assert.Equal(whole[seam..], rest.Content);
    }

    [Fact]
    public async Task What_a_server_that_is_paid_for_can_do_is_not_tried()
    {
        await using var server = await OpenAiSimulator.StartAsync("http://127.0.0.1:0", new() { Tokens = 20 }, Token);
        using OpenAiBackend backend = new(
            new() { BaseUrl = server.Url, Probe = false },
            TimeProvider.System,
            NullLogger<OpenAiBackend>.Instance
        );
        await WholeAsync(backend);

        Assert.DoesNotContain(ModelInfo.Prefill, await CapabilitiesAsync(backend));
    }

    [Fact]
    public async Task A_server_that_answers_anew_is_found_out_and_asked_for_nothing_else()
    {
        await using var server = await OllamaAsync(new() { Tokens = 20, IgnoresPrefill = true });
        using var backend = Ollama(server);
        Assert.DoesNotContain(ModelInfo.Prefill, await CapabilitiesAsync(backend));

        var result = await backend.RunAsync(Cut("[simulator] One"), new RecordingOutput(), Token);

        Assert.Equal(("unsupported", false), (result.Failure!.Code, result.Failure.Retryable));
    }

    [Fact]
    public async Task A_model_is_not_loaded_to_be_tried()
    {
        await using var server = await OllamaAsync(new() { LoadTime = TimeSpan.FromMilliseconds(10) });
        using var backend = Ollama(server);

        Assert.DoesNotContain(ModelInfo.Prefill, await CapabilitiesAsync(backend));
        await WholeAsync(backend);
        Assert.Contains(ModelInfo.Prefill, await CapabilitiesAsync(backend));
    }

    [Fact]
    public async Task Vllm_is_told_that_the_message_is_not_to_be_closed()
    {
        JsonElement? asked = null;
        await using var server = await ScriptedServer.StartAsync(
            async http =>
            {
                if (http.Request.Path.Value!.EndsWith("/models", StringComparison.Ordinal))
                {
                    await AnswerAsync(http, """{"data":[{"id":"pollard-demo"}]}""", "application/json");
                    return;
                }

                var request = (await JsonDocument.ParseAsync(http.Request.Body, default, Token)).RootElement;
                var last = request.GetProperty("messages").EnumerateArray().Last();
                const string Counted = "one, two, three, four, five, six, seven, eight";
                var begun = last.GetProperty("role").GetString() == "assistant";
                var goesOn =
                    begun && request.TryGetProperty("continue_final_message", out var said) && said.GetBoolean();
                asked = goesOn ? request : asked;
                var text = goesOn ? Counted[last.GetProperty("content").GetString()!.Length..] : Counted;
                await AnswerAsync(
                    http,
                    $$"""
                    data: {"choices":[{"index":0,"delta":{"content":"{{text}}"},"finish_reason":"stop"}]}

                    data: [DONE]


                    """,
                    "text/event-stream"
                );
            },
            Token
        );
        using OpenAiBackend backend = new(
            new() { BaseUrl = server.Url },
            TimeProvider.System,
            NullLogger<OpenAiBackend>.Instance
        );
        await WholeAsync(backend);
        Assert.Contains(ModelInfo.Prefill, await CapabilitiesAsync(backend));

        RecordingOutput rest = new();
        await backend.RunAsync(Cut("one, two,", "\"max_tokens\":9", tokens: 4), rest, Token);

        Assert.Equal(" three, four, five, six, seven, eight", rest.Content);
        Assert.False(asked!.Value.GetProperty("add_generation_prompt").GetBoolean());
        Assert.Equal(5, asked.Value.GetProperty("max_tokens").GetInt32());
    }

    [Theory]
    [InlineData("one, two", "|, three", ", three")]
    [InlineData("one, two ", "| three", "three")] // The template cut the blank, and the model said it again.
    [InlineData("one, two ", "three", "three")]
    [InlineData("one.\n\n", "|\n|\ntwo", "two")]
    [InlineData("one.\n\n", "\n Two", " Two")]
    public async Task Blanks_at_the_seam_are_said_once(string shown, string said, string rest)
    {
        RecordingOutput output = new();

        await ContinuedWork.RunAsync(
            Cut(shown),
            output,
            PrefillStyle.LastMessage,
            async (work, to, ct) =>
            {
                var messages = JsonElement.Parse(work.Request.Span).GetProperty("messages");
                Assert.Equal(shown.TrimEnd(), messages.EnumerateArray().Last().GetProperty("content").GetString());
                foreach (var piece in said.Split('|'))
                {
                    await to.WriteAsync(DeltaKind.Content, 0, Encoding.UTF8.GetBytes(piece), ct);
                }

                return WorkResult.Finished(new Messages.Finish());
            },
            Token
        );

        Assert.Equal(rest, output.Content);
    }

    [Fact]
    public async Task An_answer_that_is_given_again_is_shown_from_where_it_was_cut()
    {
        await using var server = await OllamaAsync(new() { Tokens = 20, IgnoresPrefill = true });
        using var backend = Ollama(server);
        Assert.Contains(ModelInfo.Replay, await CapabilitiesAsync(backend));
        RecordingOutput first = new();
        await backend.RunAsync(Work.Chat("\"reasoning_effort\":\"low\""), first, Token);

        foreach (var length in (int[])[0, 1, first.Content.Length / 2, first.Content.Length])
        {
            RecordingOutput rest = new();
            var work = Replayed("\"reasoning_effort\":\"low\"", first.Content[..length], first.Reasoning);
            var result = await backend.RunAsync(work, rest, Token);

            Assert.NotNull(result.Finish);
            Assert.Equal((first.Content[length..], ""), (rest.Content, rest.Reasoning));
        }

        RecordingOutput thoughts = new();
        await backend.RunAsync(Replayed("\"reasoning_effort\":\"low\"", "", first.Reasoning[..5]), thoughts, Token);
        Assert.Equal((first.Content, first.Reasoning[5..]), (thoughts.Content, thoughts.Reasoning));
    }

    [Theory]
    [InlineData("[simulator] Something else", "")]
    [InlineData("[simulator]", "No such thought")]
    public async Task Another_answer_the_second_time_is_a_failure_and_nothing_of_it_is_shown(
        string text,
        string thought
    )
    {
        await using var server = await OllamaAsync(new() { Tokens = 20 });
        using var backend = Ollama(server);
        RecordingOutput output = new();

        var result = await backend.RunAsync(Replayed("", text, thought), output, Token);

        Assert.Equal(("replay_diverged", false), (result.Failure!.Code, result.Failure.Retryable));
        Assert.Empty(output.Deltas);
    }

    [Fact]
    public async Task An_answer_that_ends_before_the_seam_is_another_one()
    {
        await using var server = await OllamaAsync(new() { Tokens = 20 });
        using var backend = Ollama(server);
        var (whole, _) = await WholeAsync(backend);

        var result = await backend.RunAsync(Replayed("", whole + " and more", ""), new RecordingOutput(), Token);

        Assert.Equal("replay_diverged", result.Failure!.Code);
    }

    private static async Task<(string Text, long Tokens)> WholeAsync(IBackend backend)
    {
        RecordingOutput output = new();
        var result = await backend.RunAsync(Work.Chat(), output, Token);
        Assert.NotNull(result.Finish);
        var tokens =
            result.Finish.Usage is { } usage && usage.TryGetProperty("total_tokens", out var total)
                ? total.GetInt64()
                : 0;
        return (output.Content, tokens);
    }

    private static async Task<IReadOnlyList<string>> CapabilitiesAsync(IBackend backend) =>
        Assert.Single(await backend.DiscoverAsync(Token)).Capabilities ?? [];

    private static WorkItem Cut(string text, string members = "", int tokens = 1) =>
        Continued(
            Work.Chat(members),
            new()
            {
                Mode = ModelInfo.Prefill,
                Text = text,
                Tokens = tokens,
            }
        );

    private static WorkItem Replayed(string members, string text, string reasoning) =>
        Continued(
            Work.Chat(members),
            new()
            {
                Mode = ModelInfo.Replay,
                Text = text,
                Reasoning = reasoning.Length == 0 ? null : reasoning,
            }
        );

    private static WorkItem Continued(WorkItem work, Messages.Continue answer) =>
        work with
        {
            Offer = work.Offer with { Continue = answer },
        };

    private static async Task AnswerAsync(HttpContext http, string body, string type)
    {
        http.Response.ContentType = type;
        await http.Response.WriteAsync(body, http.RequestAborted);
    }

    private static Task<RunningSimulator> OllamaAsync(SimulatorOptions options) =>
        OllamaSimulator.StartAsync("http://127.0.0.1:0", options, Token);

    private static OllamaBackend Ollama(RunningSimulator server) =>
        new(new() { BaseUrl = server.Url }, TimeProvider.System, NullLogger<OllamaBackend>.Instance);
}
