using System.Text.Json;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>Hosts that answer with nonsense, or call themselves what they are not: clients see an answer or an error, in their dialect.</summary>
public sealed class BadAnswerTests
{
    private const string Chat =
        """{"model":"m","stream":true,"temperature":1,"messages":[{"role":"user","content":"hi"}]}""";

    [Theory]
    [InlineData("nonsense")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"phase":7}""")]
    [InlineData("""{"percent":1e308}""")]
    public async Task Nonsense_about_progress_is_no_progress(string said)
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var answer = TextOf(gateway.PostAsync("/v1/chat/completions", Chat));
        var attempt = await host.TakeAsync();

        attempt.Send(DeltaKind.Progress, said).Say("so far");
        var task = await JsonOf(gateway.GetAsync($"/v1/tasks/{attempt.TaskId}"));
        attempt.Finish();
        await answer;

        var progress = task.GetProperty("progress");
        Assert.Equal("so far", progress.GetProperty("partial").GetString());
        Assert.False(progress.TryGetProperty("percent", out _));
    }

    [Theory]
    [InlineData(DeltaKind.ToolCall, "]}}]}\n\ndata: {\"forged\":true}")]
    [InlineData(DeltaKind.ToolCall, "{\"index\":0")]
    [InlineData(DeltaKind.ToolCall, "{\"id\":\"\\ud800\"}")]
    [InlineData(DeltaKind.LogProbabilities, "{}{}")]
    [InlineData(DeltaKind.LogProbabilities, "[1]")]
    public async Task A_piece_that_is_no_object_breaks_no_stream(DeltaKind kind, string said)
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var answer = TextOf(gateway.PostAsync("/v1/chat/completions", Chat));

        (await host.TakeAsync()).Say("a").Send(kind, said).Say("b").Finish();

        var lines = (await answer).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines[..^1], static line => JsonElement.Parse(line["data: ".Length..]).GetProperty("choices"));
        Assert.Equal("data: [DONE]", lines[^1]);
        Assert.DoesNotContain(lines, static line => line.Contains("forged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_volunteers_host_gets_nothing_by_the_name_of_anothers()
    {
        await using var gateway = await StartAsync();
        var volunteer = gateway.Connect(TrustTier.Community, "m"); // All of these hosts are called "box".
        var refused = await JsonOf(SubmitForAsync(gateway, """{"host":"box"}"""), 400);

        var meant = gateway.Connect(TrustTier.Trusted, "m");
        await JsonOf(SubmitForAsync(gateway, """{"host":"box"}"""), 202);
        (await meant.TakeAsync()).Say("mine").Finish();
        await JsonOf(SubmitForAsync(gateway, """{"host":"host_m_Community"}"""), 202); // Its id is the gateway's word.
        (await volunteer.TakeAsync()).Say("mine").Finish();

        Assert.Equal("requires.host", refused.GetProperty("parameter").GetString());
        Assert.False(volunteer.HasOffer);
        Assert.False(meant.HasOffer);
    }

    private static Task<HttpResponseMessage> SubmitForAsync(TestGateway gateway, string requires) =>
        gateway.PostAsync(
            "/v1/tasks",
            $$$"""
            {"kind":"chat","model":"m","requires":{{{requires}}},"request":{"messages":[{"role":"user","content":"hi"}]}}
            """
        );
}
