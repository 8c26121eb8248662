using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>Real shells on a real terminal, in which somebody presses the tabulator.</summary>
public sealed class ShellCompletionTests : IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("pollard-home-");

    public void Dispose() => _home.Delete(recursive: true);

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public async Task A_shell_completes_commands_options_values_and_what_the_gateway_knows(string shell)
    {
        await using var gateway = await GatewayProcess.StartAsync("up", "--name", "attic-machine");
        await gateway.UntilModelAsync("pollard-demo");
        await using var terminal = await StartAsync(shell, gateway.Url);
        await terminal.UntilAsync("ready>");

        await CompletesAsync(terminal, "pollard hos", "pollard hosts ");
        await CompletesAsync(terminal, "pollard tasks exp", "pollard tasks export ");
        await CompletesAsync(terminal, "pollard tasks list --sta", "pollard tasks list --state ");
        await CompletesAsync(terminal, "pollard tasks list --state runn", "pollard tasks list --state running ");
        await CompletesAsync(terminal, "pollard tasks list --state=runn", "pollard tasks list --state=running ");
        await CompletesAsync(terminal, "pollard hosts drain att", "pollard hosts drain attic-machine ");
        await CompletesAsync(terminal, "pollard ask --model pol", "pollard ask --model pollard-demo ");
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public async Task Where_a_file_is_meant_files_are_offered(string shell)
    {
        await File.WriteAllTextAsync(
            Path.Combine(_home.FullName, "secret-of-mine"),
            "x",
            TestContext.Current.CancellationToken
        );
        await using var terminal = await StartAsync(shell, "http://127.0.0.1:1");
        await terminal.UntilAsync("ready>");

        await CompletesAsync(
            terminal,
            "pollard tasks list --key-file secr",
            "pollard tasks list --key-file secret-of-mine "
        );
    }

    [Fact]
    public async Task Bash_keeps_what_stands_before_a_colon()
    {
        await using var gateway = await GatewayProcess.StartAsync("up", "--command", "small:3b=/bin/cat");
        await gateway.UntilModelAsync("small:3b");
        await using var terminal = await StartAsync("bash", gateway.Url);
        await terminal.UntilAsync("ready>");

        await CompletesAsync(terminal, "pollard ask --model small:", "pollard ask --model small:3b ");
    }

    // A dot behind it shows where the cursor is, so that the space counts; then the line is thrown away.
    private static async Task CompletesAsync(Terminal terminal, string typed, string expected)
    {
        await terminal.PressAsync("-l", typed);
        await terminal.UntilAsync("ready>" + typed);
        await terminal.UntilAsync(
            screen => !screen.Contains($"ready>{typed}\n", StringComparison.Ordinal),
            "it completes",
            () => terminal.PressAsync("Tab") // Again: on a busy machine the gateway may not answer in the time that a person has.
        );
        await terminal.PressAsync("-l", ".");
        await terminal.UntilAsync($"ready>{expected}.");
        await terminal.UntilAsync(
            screen => screen.TrimEnd().EndsWith("\nready>", StringComparison.Ordinal),
            "it asks anew",
            () => terminal.PressAsync("C-c") // Again: fish takes the first for the end of a completion that is under way.
        );
        await terminal.UntilAsync(
            screen => !screen.Contains("pollard", StringComparison.Ordinal),
            "the line is gone",
            () => terminal.PressAsync("C-l")
        );
    }

    private async Task<Terminal> StartAsync(string shell, string gateway)
    {
        var home = _home.FullName;
        string[] variables =
        [
            $"HOME={home}",
            $"ZDOTDIR={home}",
            $"XDG_CONFIG_HOME={home}",
            $"POLLARD_GATEWAY={gateway}",
        ];
        Directory.CreateDirectory(Path.Combine(home, "fish"));
        await File.WriteAllTextAsync(
            Path.Combine(home, shell == "fish" ? "fish/config.fish" : $".{shell}rc"),
            shell switch
            {
                "bash" => "PS1='ready>'; source <(pollard completion bash)",
                "zsh" => "PS1='ready>'; autoload -U compinit; compinit -u; source <(pollard completion zsh)",
                _ =>
                    "function fish_prompt; echo -n 'ready>'; end; set -g fish_greeting; set -g fish_autosuggestion_enabled 0; pollard completion fish | source",
            },
            TestContext.Current.CancellationToken
        );
        string[] program = shell == "bash" ? ["bash", "--noprofile", "--rcfile", $"{home}/.bashrc"] : [shell, "-i"];
        return await Terminal.StartAsync(
            100,
            20,
            variables,
            ["sh", "-c", "cd \"$HOME\" && exec \"$@\"", "sh", .. program]
        );
    }
}
