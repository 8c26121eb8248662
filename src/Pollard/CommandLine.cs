using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Pollard.Commands;
using Pollard.Help;
using Pollard.Output;

namespace Pollard;

/// <summary>The program's commands, and how it is called.</summary>
internal static class CommandLine
{
    // A prompt may begin with @ and is no file of arguments then.
    private static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null };

    /// <summary>All commands.</summary>
    public static RootCommand Build(Shell shell)
    {
        RootCommand root = new("Pollard: a durable gateway for slow AI work.")
        {
            UpCommand.Build(shell),
            ServeCommand.Build(shell),
            AgentCommand.Build(shell),
            AskCommand.Build(shell),
            TasksCommand.Build(shell),
            TopCommand.Build(shell),
            HostsCommand.Build(shell),
            ModelsCommand.Build(shell),
            KeyCommand.Build(shell),
            TokenCommand.Build(shell),
            VoiceCommand.Build(shell),
            SimulateCommand.Build(shell),
            DoctorCommand.Build(shell),
            BackupCommand.Build(shell),
            BackupCommand.BuildRestore(shell),
            CompletionCommand.Build(shell),
            CompletionCommand.BuildComplete(shell),
            HelpCommand.Build(shell),
        };
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return root;
    }

    /// <summary>Runs one call of the program; the answer is its exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments, Shell shell, CancellationToken ct)
    {
        var parsed = Build(shell).Parse(HelpCommand.Translate(arguments), Parsing);
        var lacksCommand = !AsksForHelp(parsed) && LacksCommand(parsed);
        string[] wrong = lacksCommand || AsksForHelp(parsed) ? [] : [.. WrongCall.Lines(parsed)];
        if (wrong.Length > 0)
        {
            foreach (var line in wrong)
            {
                new Printer(shell, json: false).Note(line);
            }

            return ExitCode.Usage;
        }

        var streams = new InvocationConfiguration
        {
            Output = lacksCommand ? shell.Error : shell.Out, // Help that nobody asked for is no result.
            Error = shell.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // Interruption listens to the signals.
        };
        var exitCode = await parsed.InvokeAsync(streams, ct);
        return lacksCommand ? ExitCode.Usage : exitCode;
    }

    private static bool AsksForHelp(ParseResult parsed) =>
        parsed.Action is not ParseErrorAction && parsed.Action != parsed.CommandResult.Command.Action;

    // "pollard" or "pollard tasks" alone: the help, with all commands, is the answer.
    private static bool LacksCommand(ParseResult parsed) =>
        parsed.UnmatchedTokens.Count == 0 && parsed.CommandResult.Command is { Subcommands.Count: > 0, Action: null };
}
