using System.CommandLine;
using Pollard.Completion;
using Pollard.Output;

namespace Pollard.Commands;

/// <summary><c>pollard completion</c>: what makes a shell complete our commands, and the hidden <c>pollard complete</c> that it asks.</summary>
internal static class CompletionCommand
{
    private static readonly Argument<string[]> Words = new("word")
    {
        Description = "What stands before the cursor, without the program",
        Arity = ArgumentArity.ZeroOrMore,
    };

    public static Command Build(Shell shell) =>
        new("completion", "Makes a shell complete commands, options and what they may be set to")
        {
            For(
                shell,
                "bash",
                "For bash. To have it in every shell, add to ~/.bashrc: source <(pollard completion bash)",
                CompletionScripts.Bash
            ),
            For(
                shell,
                "zsh",
                "For zsh. To have it in every shell, add to ~/.zshrc behind compinit: source <(pollard completion zsh)",
                CompletionScripts.Zsh
            ),
            For(
                shell,
                "fish",
                "For fish. To have it in every shell: pollard completion fish > ~/.config/fish/completions/pollard.fish",
                CompletionScripts.Fish
            ),
            For(
                shell,
                "powershell",
                "For PowerShell. To have it in every shell, add to $PROFILE: pollard completion powershell | Out-String | Invoke-Expression",
                CompletionScripts.PowerShell
            ),
        };

    /// <summary>What the scripts call; for shells, so it is not shown.</summary>
    public static Command BuildComplete(Shell shell)
    {
        var command = new Command("complete", "What may stand where the cursor is") { Words };
        command.Hidden = true;
        command.SetAction((parsed, ct) => CompleteAsync(shell, parsed, ct));
        return command;
    }

    private static Command For(Shell shell, string name, string description, string script)
    {
        var command = new Command(name, description);
        command.SetAction(_ => shell.Out.WriteLine(script));
        return command;
    }

    private static async Task<int> CompleteAsync(Shell shell, ParseResult parsed, CancellationToken ct)
    {
        var completer = new Completer(shell, parsed.RootCommandResult.Command);
        foreach (var candidate in await completer.CompleteAsync(parsed.GetValue(Words) ?? [], ct))
        {
            await shell.Out.WriteLineAsync($"{candidate.Text}\t{LogLine.OneLine(candidate.Description ?? "")}");
        }

        return ExitCode.Ok;
    }
}
