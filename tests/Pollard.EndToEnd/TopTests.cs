using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary><c>pollard top</c> on a real terminal, with a real gateway behind it.</summary>
public sealed class TopTests
{
    private const string Model = "pollard-demo";
    private const string Enter = "\e[?1049h";
    private const string Leave = "\e[?25h\e[?1049l";

    [Fact]
    public async Task Tasks_hosts_and_models_are_seen_and_a_task_is_opened_cancelled_and_retried()
    {
        await using var gateway = await GatewayProcess.StartAsync("up", "--name", "attic");
        await gateway.UntilModelAsync(Model);
        var id = (await gateway.PostAsync("/v1/tasks", Waiting)).GetProperty("id").GetString()!;
        await using var top = await StartAsync(gateway, 110);

        await top.UntilAsync($">pending {id}");
        await top.PressAsync("2", "Enter");
        await top.UntilAsync("no-such-model");
        await top.UntilAsync("durability");
        await top.PressAsync("q", "c");
        await top.UntilAsync($"Cancel {id}? y or n");
        await top.PressAsync("y");
        await top.UntilAsync($">cancelled {id}");
        await top.PressAsync("r");
        await top.UntilAsync($">pending {id}");
        await top.PressAsync("3");
        await top.UntilAsync("attic");
        await top.PressAsync("Enter");
        await top.UntilAsync("enrolled");
        await top.PressAsync("q", "4");
        await top.UntilAsync($">{Model}");
        await top.PressAsync("Enter");
        await top.UntilAsync("attic (online,");
        await top.PressAsync("q");
        await top.UntilAsync("▁▁"); // The charts.
        await top.PressAsync("?");
        await top.UntilAsync("choose a line");
        await top.PressAsync("Escape", "/", "nothing like it", "Enter");
        await top.UntilAsync("nothing with \"nothing like it\"");
        await top.PressAsync("q");

        Assert.Equal(0, await top.UntilExitAsync());
        Assert.Equal(("0", "1"), (await top.AskAsync("alternate_on"), await top.AskAsync("cursor_flag")));
    }

    [Fact]
    public async Task A_gateway_that_is_killed_is_waited_for_and_seen_again()
    {
        await using var gateway = await GatewayProcess.StartAsync("up");
        await gateway.UntilModelAsync(Model);
        await using var top = await StartAsync(gateway, 80);
        await top.UntilAsync("1 of 1 hosts, 0 tokens/s");

        await gateway.Process.KillAsync();
        await top.UntilAsync("gateway unreachable since 2s, trying again");
        Assert.Contains("1 of 1 hosts", await top.ScreenAsync(), StringComparison.Ordinal);
        await gateway.KillAndRestartAsync();

        await top.UntilAsync(
            screen => !screen.Contains("unreachable", StringComparison.Ordinal),
            "the gateway is seen again"
        );
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_signal_leaves_the_terminal_as_it_was(string signal)
    {
        await using var gateway = await GatewayProcess.StartAsync();
        await using var top = await StartAsync(gateway, 80);
        await top.UntilAsync("[1 Now]");
        Assert.Equal(("1", "0"), (await top.AskAsync("alternate_on"), await top.AskAsync("cursor_flag")));

        if (signal == "INT")
        {
            await top.PressAsync("C-c");
        }
        else
        {
            await top.SignalAsync(signal);
        }

        Assert.Equal(130, await top.UntilExitAsync());
        Assert.Equal(("0", "1"), (await top.AskAsync("alternate_on"), await top.AskAsync("cursor_flag")));
        Assert.Equal(2, top.Written.Split(Enter).Length);
        Assert.Equal(2, top.Written.Split(Leave).Length);
    }

    [Fact]
    public async Task A_window_of_another_size_is_filled_anew_also_a_small_one_without_colours()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        await using var top = await StartAsync(gateway, 100, "NO_COLOR=1");
        await top.UntilAsync("? help  q quit  enter detail  c cancel  r retry  / filter");

        await top.ResizeAsync(40, 12);
        var screen = await top.UntilAsync(
            screen =>
                screen.Split('\n').Length == 13
                && screen.TrimEnd('\n').Split('\n')[^1].StartsWith("? help", StringComparison.Ordinal),
            "its last line is the last of the window"
        );

        Assert.All(screen.Split('\n'), line => Assert.InRange(line.Length, 0, 40));
        Assert.DoesNotContain("\e[3", top.Written, StringComparison.Ordinal);
        Assert.DoesNotContain("\e[7m", top.Written, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_terminal_it_says_what_to_use()
    {
        await using var process = PollardProcess.Start("top");

        Assert.Equal(2, await process.UntilExitAsync());
        Assert.Contains("pollard tasks list --json", process.Output, StringComparison.Ordinal);
    }

    // No host has its model.
    private const string Waiting = """
        {"kind":"chat","model":"no-such-model","request":{"messages":[{"role":"user","content":"hello"}]}}
        """;

    private static Task<Terminal> StartAsync(GatewayProcess gateway, int columns, params string[] variables) =>
        Terminal.StartAsync(columns, 20, variables, "pollard", "top", "--gateway", gateway.Url);
}
