using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The line at the bottom of a terminal, and that a pipe has nothing of it.</summary>
public sealed class StatusLineTests : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("pollard-status-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _data.Delete(recursive: true);

    [Fact]
    public async Task Up_says_below_its_greeting_how_it_does_and_its_log_scrolls_above()
    {
        var url = $"http://127.0.0.1:{PollardProcess.FreePort()}";
        await using var up = await StartUpAsync(url);
        await up.UntilAsync($"0 running, 0 waiting, 1 host, 0 tokens/s  {url}/");

        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(url) };
        using var content = new StringContent(
            """{"kind":"chat","model":"nobody-has-it","request":{"messages":[{"role":"user","content":"x"}]}}"""
        );
        content.Headers.ContentType = new("application/json");
        using var reply = await http.PostAsync("/v1/tasks", content, Token);
        reply.EnsureSuccessStatusCode();
        var screen = await up.UntilAsync("0 running, 1 waiting");
        Assert.Single(screen.Split('\n'), line => line.Contains(" waiting, ", StringComparison.Ordinal));
        Assert.StartsWith("0 running", LastLine(screen), StringComparison.Ordinal);
        await up.PressAsync("C-c");

        Assert.Equal(0, await up.UntilExitAsync());
        screen = await up.HistoryAsync();
        Assert.Contains("Try it:", screen, StringComparison.Ordinal);
        Assert.DoesNotContain(" waiting, ", screen, StringComparison.Ordinal);
        Assert.Equal("1", await up.AskAsync("cursor_flag"));
    }

    [Fact]
    public async Task Lines_of_the_log_are_whole_and_the_status_stays_the_last()
    {
        var url = $"http://127.0.0.1:{PollardProcess.FreePort()}";
        await using var up = await StartUpAsync(url, "--log-level", "debug");
        await up.UntilAsync(" tokens/s ");

        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(url) };
        for (var i = 0; i < 20; i++)
        {
            using var reply = await http.GetAsync("/v1/models", Token);
        }

        var history = (await up.HistoryAsync()).TrimEnd('\n').Split('\n');
        Assert.Single(history, line => line.Contains(" tokens/s ", StringComparison.Ordinal));
        Assert.Contains(" tokens/s ", history[^1], StringComparison.Ordinal);
        Assert.All(
            history.Where(line => line.Contains(" debug ", StringComparison.Ordinal)),
            line => Assert.EndsWith("]", line, StringComparison.Ordinal)
        );
        Assert.Contains(history, line => line.Contains(" debug ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task In_a_pipe_there_is_only_the_log()
    {
        await using var gateway = await GatewayProcess.StartAsync("up");
        await gateway.UntilModelAsync("pollard-demo");

        Assert.Equal(0, await gateway.Process.StopAsync());

        Assert.DoesNotContain(" tokens/s", gateway.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', gateway.Process.Output);
        Assert.DoesNotContain('\r', gateway.Process.Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task Waiting_shows_how_many_have_ended_and_leaves_only_the_results()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        var id = (
            await gateway.PostAsync(
                "/v1/tasks",
                """{"kind":"chat","model":"nobody-has-it","request":{"messages":[{"role":"user","content":"x"}]}}"""
            )
        )
            .GetProperty("id")
            .GetString()!;
        await using var wait = await Terminal.StartAsync(
            80,
            20,
            [],
            "pollard",
            "tasks",
            "wait",
            id,
            "--gateway",
            gateway.Url
        );
        await wait.UntilAsync("[--------------------] 0 of 1 ended");

        using var cancelled = await gateway.Http.DeleteAsync($"/v1/tasks/{id}", Token);

        Assert.Equal(4, await wait.UntilExitAsync());
        var screen = await wait.ScreenAsync();
        Assert.Contains($"pollard: task {id} was cancelled", screen, StringComparison.Ordinal);
        Assert.DoesNotContain("[---", screen, StringComparison.Ordinal);
    }

    private static string LastLine(string screen) => screen.TrimEnd('\n').Split('\n')[^1];

    private Task<Terminal> StartUpAsync(string url, params string[] more) =>
        Terminal.StartAsync(
            120,
            30,
            [],
            ["pollard", "up", "--urls", url, "--link-url", "none", "--data", _data.FullName, .. more]
        );
}
