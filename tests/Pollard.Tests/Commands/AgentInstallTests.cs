using Pollard.Commands;
using Pollard.Tests.Support;

namespace Pollard.Tests.Commands;

/// <summary>The agent as a service of systemd.</summary>
public sealed class AgentInstallTests
{
    [Fact]
    public void The_unit_starts_the_agent_with_what_it_was_given_and_nothing_in_it_has_a_meaning_of_its_own()
    {
        var unit = AgentInstallCommand.UnitFile(
            ["--gateway", "https://pool.example", "--command", "sum=/bin/sum \"a b\" \\ $HOME %h {prompt_file}"],
            name => name == "PATH" ? "/opt/a b:/bin" : null,
            isSystem: false,
            drain: TimeSpan.FromMinutes(5)
        );

        var start = unit.Split('\n').Single(line => line.StartsWith("ExecStart=", StringComparison.Ordinal));
        Assert.EndsWith(
            """
             "agent" "--gateway" "https://pool.example" "--command" "sum=/bin/sum \"a b\" \\ $$HOME %%h {prompt_file}"
            """,
            start,
            StringComparison.Ordinal
        );
        Assert.Contains("\nEnvironment=\"PATH=/opt/a b:/bin\"\n", unit, StringComparison.Ordinal);
        Assert.Contains("\nTimeoutStopSec=330\n", unit, StringComparison.Ordinal);
        Assert.Contains("\nRestart=always\n", unit, StringComparison.Ordinal);
        Assert.Contains("\nWantedBy=default.target\n", unit, StringComparison.Ordinal);
    }

    [Fact]
    public void A_service_of_the_machine_runs_as_whoever_called_sudo()
    {
        Assert.Contains("\nUser=ada\n", Unit("ada"), StringComparison.Ordinal);
        Assert.Contains("\nUser=root\n", Unit(null), StringComparison.Ordinal);

        static string Unit(string? user) =>
            AgentInstallCommand.UnitFile([], name => name == "SUDO_USER" ? user : null, isSystem: true, TimeSpan.Zero);
    }

    [Theory]
    [InlineData("--gateway", "not a url")]
    [InlineData("--carrier", "pigeon")]
    [InlineData("--command", "no name")]
    [InlineData("--nonsense", "x")]
    public async Task What_the_agent_would_refuse_at_its_start_is_refused_now(string option, string value)
    {
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync("agent", "install", "--no-start", "--user", option, value);

        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Equal("", shell.Out);
        Assert.Contains(option, shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_writes_the_unit_for_its_user_alone_and_says_where()
    {
        var home = Directory.CreateTempSubdirectory("pollard-units-");
        using var shell = new TestShell();
        shell.Variables["XDG_CONFIG_HOME"] = home.FullName;

        var exitCode = await shell.RunAsync(
            "agent",
            "install",
            "--no-start",
            "--user",
            "--gateway",
            "http://10.0.0.1:7655"
        );

        var path = Path.Combine(home.FullName, "systemd", "user", "pollard-agent.service");
        Assert.Equal((ExitCode.Ok, path), (exitCode, shell.Out.Trim()));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        }

        Assert.Contains("systemctl --user enable --now pollard-agent.service", shell.Error, StringComparison.Ordinal);
        home.Delete(recursive: true);
    }
}
