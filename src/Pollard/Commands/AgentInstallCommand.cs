using System.CommandLine;
using System.Diagnostics;
using System.Text;
using Pollard.Configuration;

namespace Pollard.Commands;

/// <summary><c>pollard agent install</c>: the agent as a service of systemd, which starts it with the machine and after a crash.</summary>
internal static class AgentInstallCommand
{
    private const string Unit = "pollard-agent.service";
    private const string SystemUnits = "/etc/systemd/system";

    // What a unit may be read by: it can hold a join token.
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly Option<bool> NoStart = CommonOptions.CallSwitch(
        "--no-start",
        "Write the unit file and leave it at that"
    );

    // What a stop may take after what ran is done with.
    private static readonly TimeSpan Leaving = TimeSpan.FromSeconds(30);

    private static readonly Option<bool> OfUser = CommonOptions.CallSwitch(
        "--user",
        "A service of this user also when root runs this; root's is one of the machine"
    );

    public static Command Build(Shell shell) =>
        new Command("install", "Makes the agent a service of systemd; what else is given is the agent's")
        {
            TreatUnmatchedTokensAsErrors = false,
        }
            .With(NoStart, OfUser)
            .Does(shell, RunAsync);

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var arguments = context.Parsed.UnmatchedTokens;
        var drain = AgentCommand.ReadDrain(Check(context.Shell, arguments));
        var isRoot = string.Equals(Environment.UserName, "root", StringComparison.Ordinal);
        var isSystem = isRoot && !context.Settings.IsOn(OfUser);
        var path = Path.Combine(isSystem ? SystemUnits : UserUnits(context.Shell), Unit);
        await WriteAsync(path, UnitFile(arguments, context.Shell.Environment, isSystem, drain), ct);
        context.Print.Line(path);
        string[][] steps =
        [
            [.. isSystem ? Array.Empty<string>() : ["--user"], "daemon-reload"],
            [.. isSystem ? Array.Empty<string>() : ["--user"], "enable", "--now", Unit],
        ];
        if (context.Settings.IsOn(NoStart) || !Directory.Exists("/run/systemd/system"))
        {
            var commands = steps.Select(step => $"systemctl {string.Join(' ', step)}");
            context.Print.Note($"Start it with: {string.Join(" && ", commands)}");
            return ExitCode.Ok;
        }

        foreach (var step in steps)
        {
            await SystemctlAsync(step, ct);
        }

        var linger = isSystem ? "" : " It ends when you log out, unless: loginctl enable-linger";
        context.Print.Note($"The agent runs, and starts with the machine. See: journalctl -u {Unit}.{linger}");
        return ExitCode.Ok;
    }

    /// <summary>What the service would refuse at its start is refused now.</summary>
    private static Settings Check(Shell shell, IReadOnlyList<string> arguments)
    {
        var parsed = AgentCommand.Build(shell).Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            throw new UsageException($"pollard agent would not take this: {parsed.Errors[0].Message}");
        }

        var settings = Settings.Read(parsed, shell.Environment);
        AgentCommand.Check(settings);
        return settings;
    }

    private static string UserUnits(Shell shell)
    {
        var config = shell.Environment("XDG_CONFIG_HOME") is { Length: > 0 } given
            ? given
            : Path.Combine(
                shell.Environment("HOME") ?? throw new UsageException("HOME is not set: nobody knows where units lie."),
                ".config"
            );
        return Path.Combine(config, "systemd", "user");
    }

    /// <summary>The unit: an agent that is stopped finishes what it has, and one that was sent away is not started again and again.</summary>
    internal static string UnitFile(
        IReadOnlyList<string> arguments,
        Func<string, string?> environment,
        bool isSystem,
        TimeSpan drain
    )
    {
        // Whoever called sudo owns the models and the logins, and commands of clients are not root's to run.
        var user = isSystem ? $"User={Escaped(environment("SUDO_USER") ?? "root")}\n" : "";
        var path = environment("PATH") is { Length: > 0 } known
            ? $"Environment={Quoted("PATH=" + known, dollar: "$")}\n"
            : "";
        string[] program =
            Environment.ProcessPath is { } own && Path.GetFileNameWithoutExtension(own) != "dotnet"
                ? [own]
                : ["dotnet", Path.Combine(AppContext.BaseDirectory, "pollard.dll")];
        var words = string.Join(
            ' ',
            ((string[])[.. program, "agent", .. arguments]).Select(word => Quoted(word, dollar: "$$"))
        );
        return $"""
            [Unit]
            Description=Pollard agent
            Wants=network-online.target
            After=network-online.target

            [Service]
            ExecStart={words}
            {user}{path}WorkingDirectory={Escaped(Directory.GetCurrentDirectory())}
            Restart=always
            RestartSec=5
            RestartPreventExitStatus={ExitCode.Usage}
            TimeoutStopSec={Math.Ceiling((drain + Leaving).TotalSeconds)}
            KillMode=mixed
            NoNewPrivileges=yes

            [Install]
            WantedBy={(isSystem ? "multi-user" : "default")}.target

            """;
    }

    private static string Escaped(string text) => text.Replace("%", "%%", StringComparison.Ordinal);

    /// <summary>A word as systemd reads it: its own marks are to mean nothing in it.</summary>
    /// <param name="word">The word.</param>
    /// <param name="dollar">How a dollar is written: twice in command lines, where it begins a variable.</param>
    private static string Quoted(string word, string dollar)
    {
        StringBuilder quoted = new("\"");
        foreach (var character in word)
        {
            _ = character switch
            {
                '"' or '\\' => quoted.Append('\\').Append(character),
                '%' => quoted.Append("%%"),
                '$' => quoted.Append(dollar),
                '\n' => quoted.Append("\\n"),
                '\t' => quoted.Append("\\t"),
                _ when char.IsControl(character) => throw new UsageException(
                    "an argument has a control character, which no unit can hold."
                ),
                _ => quoted.Append(character),
            };
        }

        return quoted.Append('"').ToString();
    }

    private static async Task WriteAsync(string path, string text, CancellationToken ct)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            FileStreamOptions options = new() { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = OwnerOnly;
            }

            await using FileStream file = new(path, options);
            await file.WriteAsync(Encoding.UTF8.GetBytes(text), ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"The unit cannot be written: {e.Message}");
        }
    }

    private static async Task SystemctlAsync(string[] arguments, CancellationToken ct)
    {
        using var process =
            Process.Start(new ProcessStartInfo("systemctl", arguments))
            ?? throw new CommandFailedException("systemctl cannot be started.");
        await process.WaitForExitAsync(ct);
        if (process.ExitCode != 0)
        {
            throw new CommandFailedException(
                $"systemctl {string.Join(' ', arguments)} ended with code {process.ExitCode}."
            );
        }
    }
}
