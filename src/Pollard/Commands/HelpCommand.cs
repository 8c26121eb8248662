using System.CommandLine;
using System.Globalization;

namespace Pollard.Commands;

/// <summary><c>pollard help</c>: what people try first. <c>pollard help tasks list</c> is <c>pollard tasks list --help</c>.</summary>
internal static class HelpCommand
{
    public const string Name = "help";

    private static readonly Argument<string[]> About = new("command")
    {
        Description = "The command",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly (int Code, string Meaning)[] ExitCodes =
    [
        (ExitCode.Ok, "it worked; a server ended because it was asked to"),
        (ExitCode.Failed, "it did not work; the message says why"),
        (ExitCode.Usage, "the command line, the environment or the configuration file is wrong"),
        (ExitCode.Unreachable, "no gateway answers"),
        (ExitCode.TaskNotCompleted, "the task failed, timed out or was cancelled, or had not ended when the wait did"),
        (ExitCode.Interrupted, "interrupted (Ctrl-C, SIGTERM)"),
    ];

    public static Command Build(Shell shell)
    {
        var exitCodes = new Command("exit-codes", "What the end of a command says");
        exitCodes.SetAction(_ => PrintExitCodes(shell));
        return new(Name, "What a command does, with examples") { About, exitCodes };
    }

    /// <summary>The call that a call of help stands for.</summary>
    public static string[] Translate(string[] arguments) =>
        arguments is [Name, .. var about] and not [Name, "exit-codes", ..] ? [.. about, "--help"] : arguments;

    private static void PrintExitCodes(Shell shell)
    {
        foreach (var (code, meaning) in ExitCodes)
        {
            shell.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{code, 4}  {meaning}"));
        }
    }
}
