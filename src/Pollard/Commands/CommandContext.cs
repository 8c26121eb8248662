using System.CommandLine;
using System.Net;
using Pollard.Client;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Tasks.Storage;

namespace Pollard.Commands;

/// <summary>What a running command knows: its arguments, its settings, and how it speaks.</summary>
internal sealed record CommandContext(Shell Shell, ParseResult Parsed, Settings Settings, Printer Print)
{
    /// <summary>An argument that the command line must have.</summary>
    public T Required<T>(Argument<T> argument)
        where T : notnull => Parsed.GetRequiredValue(argument);

    /// <summary>The gateway that the settings name.</summary>
    public Uri Gateway => Settings.Address(CommonOptions.Gateway) ?? new Uri(Defaults.Gateway);

    /// <summary>A client of the gateway that the settings name.</summary>
    public PollardClient Connect() =>
        new(
            new PollardClientOptions
            {
                Gateway = Gateway,
                Key = Settings.Secret(CommonOptions.KeyFile),
                RetryWithin = TimeSpan.Zero, // A person sees the reason at once, and a script may retry as it likes.
                Time = Shell.Time,
            },
            Shell.Http?.Invoke()
        );
}

/// <summary>Builds commands, and turns what can go wrong in one into a message and an exit code.</summary>
internal static class CommandExtensions
{
    private const string HowToShowKey =
        "Put the key into the environment as POLLARD_KEY, or name a file that has it with --key-file. An admin makes keys: pollard key create NAME";

    /// <summary>Gives a command what it does.</summary>
    public static Command Does(
        this Command command,
        Shell shell,
        Func<CommandContext, CancellationToken, Task<int>> run
    )
    {
        command.SetAction(
            (parsed, ct) =>
                GuardAsync(
                    shell,
                    () =>
                    {
                        var settings = Settings.Read(parsed, shell.Environment);
                        var json = command.Options.Contains(CommonOptions.Json) && settings.IsOn(CommonOptions.Json);
                        return run(new(shell, parsed, settings, new(shell, json)), ct);
                    },
                    ct
                )
        );
        return command;
    }

    /// <summary>Adds what every command has that talks to a gateway.</summary>
    public static Command WithGateway(this Command command)
    {
        command.Options.Add(CommonOptions.Gateway);
        command.Options.Add(CommonOptions.KeyFile);
        command.Options.Add(CommonOptions.Json);
        return command.WithConfiguration();
    }

    /// <summary>Adds where the configuration lies.</summary>
    public static Command WithConfiguration(this Command command)
    {
        command.Options.Add(CommonOptions.Data);
        command.Options.Add(CommonOptions.Config);
        return command;
    }

    /// <summary>Adds options.</summary>
    public static Command With(this Command command, params ReadOnlySpan<Option> options)
    {
        foreach (var option in options)
        {
            command.Options.Add(option);
        }

        return command;
    }

    /// <summary>Waits until somebody asks the command to end; for a server that is how it ends well.</summary>
    public static async Task UntilCancelledAsync(this CancellationToken ct)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var _ = ct.UnsafeRegister(static state => ((TaskCompletionSource)state!).SetResult(), ended);
        await ended.Task;
    }

    private static async Task<int> GuardAsync(Shell shell, Func<Task<int>> run, CancellationToken ct)
    {
        try
        {
            return await run();
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
        catch (UsageException e)
        {
            return Fail(shell, e.Message, ExitCode.Usage);
        }
        catch (CommandFailedException e)
        {
            return Fail(shell, e.Message, ExitCode.Failed);
        }
        catch (StoreException e)
        {
            return Fail(shell, e.Message, ExitCode.Failed);
        }
        catch (PollardException e)
        {
            var how = e.Status == HttpStatusCode.Unauthorized ? $"\n{HowToShowKey}" : "";
            return Fail(shell, e.Message + how, e.IsUnreachable ? ExitCode.Unreachable : ExitCode.Failed);
        }
        catch (IOException e)
        {
            return Fail(shell, e.Message, ExitCode.Failed); // Most likely our output's reader has gone.
        }
    }

    private static int Fail(Shell shell, string message, int exitCode)
    {
        new Printer(shell, json: false).Note("pollard: " + message);
        return exitCode;
    }
}
