using System.CommandLine;
using Pollard.Commands;

namespace Pollard;

/// <summary>The program's commands, and how it is called.</summary>
internal static class CommandLine
{
    /// <summary>All commands.</summary>
    public static RootCommand Build(Shell shell) =>
        new("Pollard: a durable gateway for slow AI work.")
        {
            UpCommand.Build(shell),
            ServeCommand.Build(shell),
            AgentCommand.Build(shell),
            AskCommand.Build(shell),
            TasksCommand.Build(shell),
            HostsCommand.Build(shell),
            ModelsCommand.Build(shell),
            KeyCommand.Build(shell),
            TokenCommand.Build(shell),
            SimulateCommand.Build(shell),
            DoctorCommand.Build(shell),
        };

    /// <summary>Runs one call of the program; the answer is its exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments, Shell shell, CancellationToken ct)
    {
        // "pollard help tasks" is what people try first.
        var called = arguments is ["help", .. var about] ? [.. about, "--help"] : arguments;
        var parsed = Build(shell).Parse(called);
        var isWrong = parsed.Errors.Count > 0;
        var streams = new InvocationConfiguration
        {
            Output = isWrong ? shell.Error : shell.Out, // Help that nobody asked for is no result.
            Error = shell.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // Interruption listens to the signals.
        };
        var exitCode = await parsed.InvokeAsync(streams, ct);
        return isWrong ? ExitCode.Usage : exitCode;
    }
}
