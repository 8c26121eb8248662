using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using System.Reflection;
using Pollard.Tests.Support;

namespace Pollard.Tests.Commands;

/// <summary>The page on the command line says what the program does, no less and no more.</summary>
public sealed class CliReferenceTests
{
    private static readonly string Page = File.ReadAllText(Repository.In("docs/reference/cli.md"));

    [Fact]
    public void Every_command_has_its_section_with_every_option_and_no_other()
    {
        var sections = Page.Split("\n### ")[1..]
            .ToDictionary(section => section.Split('\n')[0], section => section, StringComparer.Ordinal);
        var commands = Leaves(CommandLine.Build(Shell.OfProcess()), "pollard").ToList();

        Assert.Equal(commands.Select(command => command.Path), sections.Keys);
        foreach (var (path, command) in commands)
        {
            var documented = sections[path]
                .Split('`')
                .Where((_, index) => index % 2 == 1)
                .Where(code => code.StartsWith("--", StringComparison.Ordinal))
                .Select(code => code.Split(' ')[0]);
            Assert.Equal(OptionsOf(command).Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public void Exit_codes_are_a_promise()
    {
        var documented = Page.Split("## Exit codes")[1]
            .Split("\n## ")[0]
            .Split('\n')
            .Select(line => line.Split('|'))
            .Where(cells => cells.Length > 2 && int.TryParse(cells[1], CultureInfo.InvariantCulture, out _))
            .Select(cells => int.Parse(cells[1], CultureInfo.InvariantCulture));
        var codes = typeof(ExitCode)
            .GetFields(BindingFlags.Static | BindingFlags.Public)
            .Select(field => (int)field.GetRawConstantValue()!);

        Assert.Equal(codes.Order(), documented);
    }

    private static IEnumerable<(string Path, Command Command)> Leaves(Command command, string path) =>
        [
            .. command.Subcommands.Count == 0 || command.Action is not null
                ? [(path, command)]
                : Array.Empty<(string, Command)>(),
            .. command
                .Subcommands.Where(subcommand => !subcommand.Hidden)
                .SelectMany(subcommand => Leaves(subcommand, $"{path} {subcommand.Name}")),
        ];

    private static IEnumerable<string> OptionsOf(Command command) =>
        command.Options.Where(option => option is not (HelpOption or VersionOption)).Select(option => option.Name);
}
