using System.Net;
using System.Text.Json;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Tests;

/// <summary>What no host could ever do is refused at once, in each door's words, and says what would make it possible.</summary>
public sealed class ImpossibleRequestTests
{
    private const string Tools = """,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]""";

    [Theory]
    [InlineData(
        """{"context":20000}""",
        "context_length_exceeded",
        "requires.context",
        "the largest context of \"m\" here is 8192 tokens; this needs 20000"
    )]
    [InlineData("""{"labels":["gpu"]}""", "impossible", "requires.labels", "--labels gpu")]
    [InlineData("""{"features":["tools","vision"]}""", "impossible", "requires.features", "cannot do \"vision\"")]
    [InlineData("""{"host":"elsewhere"}""", "impossible", "requires.host", "\"elsewhere\"")]
    public async Task A_task_that_no_host_can_ever_run_says_what_is_missing(
        string requires,
        string code,
        string parameter,
        string words
    )
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Connect("m");

        using var answer = await gateway.PostAsync("/v1/tasks", Task("m", requires));
        var problem = await JsonOf(answer);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.EndsWith(code, problem.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.Equal(parameter, problem.GetProperty("parameter").GetString());
        Assert.Contains(words, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "/v1/chat/completions",
        """{"model":"m","messages":[{"role":"user","content":"x"}]TOOLS}""",
        "error.message"
    )]
    [InlineData("/api/chat", """{"model":"m","messages":[{"role":"user","content":"x"}]TOOLS}""", "error")]
    public async Task Tools_where_all_hosts_are_strangers_are_refused_in_the_doors_words(
        string path,
        string body,
        string place
    )
    {
        await using var gateway = await TestGateway.StartAsync();
        var stranger = gateway.Connect(TrustTier.Community, "m");

        using var answer = await gateway.PostAsync(
            path,
            body.Replace("TOOLS", Tools.Replace("\\", "", StringComparison.Ordinal), StringComparison.Ordinal)
        );
        var found = await JsonOf(answer);
        foreach (var member in place.Split('.'))
        {
            found = found.GetProperty(member);
        }

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("--tier trusted", found.GetString(), StringComparison.Ordinal);
        Assert.False(stranger.HasOffer);
    }

    [Theory]
    [InlineData("unknown", """{"context":20000}""", "")]
    [InlineData("m", """{"context":20000}""", ",\"run_at\":\"2999-01-01T00:00:00Z\"")]
    [InlineData("m", """{"context":8192,"features":["tools"]}""", "")]
    public async Task What_may_become_possible_waits(string model, string requires, string rest)
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Connect("m");

        using var answer = await gateway.PostAsync("/v1/tasks", Task(model, requires, rest));

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    [Fact]
    public async Task In_a_batch_only_the_impossible_is_refused_and_a_task_whose_hosts_left_says_why()
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Connect("m");

        var batch =
            $$"""{"tasks":[{{Task("m", """{"context":20000}""")}},{{Task("other", """{"context":20000}""")}}]}""";
        using var answer = await gateway.PostAsync("/v1/tasks:batch", batch);
        var items = (await JsonOf(answer)).GetProperty("tasks");
        gateway.Connect("other");
        using var why = await gateway.GetAsync(
            $"/v1/tasks/{items[1].GetProperty("task").GetProperty("id").GetString()}/why"
        );

        Assert.Contains(
            "8192",
            items[0].GetProperty("error").GetProperty("detail").GetString(),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "the largest context of \"other\" here is 8192 tokens; this needs 20000",
            (await JsonOf(why)).GetProperty("summary").GetString(),
            StringComparison.Ordinal
        );
    }

    private static string Task(string model, string requires, string rest = "") =>
        $$"""{"kind":"chat","model":"{{model}}","request":{"messages":[{"role":"user","content":"x"}]},"requires":{{requires}}{{rest}}}""";

    private static async Task<JsonElement> JsonOf(HttpResponseMessage answer) =>
        JsonElement.Parse(await answer.Content.ReadAsStringAsync(TestGateway.Token));
}
