using System.CommandLine;
using Pollard.Agent.Backends;
using Pollard.Configuration;

namespace Pollard.Tests.Configuration;

public sealed class CommandSettingsTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("pollard-tests").FullName;
    private readonly Dictionary<string, string> _variables = new(StringComparer.Ordinal);

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public void A_command_is_a_name_and_words_and_quotation_marks_hold_words_together()
    {
        var template = Template(Read("--command", "sum=/bin/x --a=b,c 'two words' \"it's\" $HOME \"\""));

        Assert.Equal("sum", template.Name);
        Assert.Equal(["/bin/x", "--a=b,c", "two words", "it's", "$HOME", ""], template.Words);
    }

    [Theory]
    [InlineData("just-a-name")]
    [InlineData("=program")]
    [InlineData("bad name=program")]
    [InlineData("name=")]
    [InlineData("name=program 'open")]
    public void Anything_else_is_said_to_be_wrong(string text)
    {
        Assert.Throws<UsageException>(() => CommandSettings.Read(Read("--command", text)));
    }

    [Fact]
    public void Commands_in_the_environment_are_lines_and_in_the_file_a_list()
    {
        File.WriteAllText(Path.Combine(_data, "pollard.json"), """{ "command": ["a=x 1,2", "b=y"] }""");
        Assert.Equal(["a", "b"], CommandSettings.Read(Read()).Select(command => ((TemplateOptions)command).Name));

        _variables["POLLARD_COMMAND"] = "c=x 1,2\nd=y";
        Assert.Equal(["c", "d"], CommandSettings.Read(Read()).Select(command => ((TemplateOptions)command).Name));
    }

    [Fact]
    public void Directory_and_variables_hold_for_every_command()
    {
        var template = Template(Read("--command", "a=x", "--command-dir", _data, "--command-env", "KEY,OTHER"));

        Assert.Equal(_data, template.Directory);
        Assert.Equal(["KEY", "OTHER"], template.Environment);
        Assert.Throws<UsageException>(() =>
            CommandSettings.Read(Read("--command", "a=x", "--command-dir", _data + "/no"))
        );
    }

    [Fact]
    public void The_servers_of_the_owners_file_are_for_Claude_Code_and_for_Codex()
    {
        var file = Path.Combine(_data, "mcp.json");
        File.WriteAllText(file, """{"mcpServers":{"tree":{"command":"x"}}}""");

        var commands = CommandSettings.Read(Read("--claude", "--codex", "--command", "a=x", "--mcp-config", file));

        Assert.Equal([false, false, true], commands.Select(command => command.Servers == McpServers.None));
    }

    [Fact]
    public void A_machine_that_only_runs_commands_works_on_as_many_tasks_as_those()
    {
        Assert.Equal(5, BackendSettings.ReadSlots(Read("--command", "a=x")));
        Assert.Equal(9, BackendSettings.ReadSlots(Read("--command", "a=x", "--command-slots", "9")));
        Assert.Equal(4, BackendSettings.ReadSlots(Read("--command", "a=x", "--ollama", "http://127.0.0.1:1")));
        Assert.Equal(2, BackendSettings.ReadSlots(Read("--command", "a=x", "--slots", "2")));
    }

    private static TemplateOptions Template(Settings settings) =>
        Assert.IsType<TemplateOptions>(Assert.Single(CommandSettings.Read(settings)));

    private Settings Read(params string[] arguments)
    {
        var root = CommandLine.Build(Shell.OfProcess());
        return Settings.Read(
            root.Parse(["agent", .. arguments, "--data", _data]),
            name => _variables.GetValueOrDefault(name)
        );
    }
}
