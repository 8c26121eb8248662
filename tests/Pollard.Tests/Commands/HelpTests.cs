using System.CommandLine;
using Pollard.Help;
using Pollard.Tests.Support;

namespace Pollard.Tests.Commands;

/// <summary>What people are told who ask, or who mistype; and that each command's end means what the page says.</summary>
public sealed class HelpTests
{
    private static readonly string[] Servers = ["up", "serve", "agent", "voice", "simulate"];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Every command that somebody can type, and its examples.</summary>
    public static TheoryData<string> Commands => [.. Leaves(Root).Select(Examples.PathOf)];

    /// <summary>Commands that ask a gateway and end.</summary>
    public static TheoryData<string> Clients =>
        [
            .. Leaves(Root)
                .Where(command =>
                    command.Options.Any(option => option.Name == "--gateway")
                    && command.Options.Any(option => option.Name == "--json") // top has none, and needs a terminal first.
                    && command.Name != "doctor" // Its work is to say that no gateway answers.
                    && !Servers.Contains(Examples.PathOf(command).Split(' ')[1], StringComparer.Ordinal)
                )
                .Select(Examples.PathOf),
        ];

    private static RootCommand Root => CommandLine.Build(Shell.OfProcess());

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Help_ends_with_examples_that_parse(string path)
    {
        using var shell = new TestShell();

        await shell.RunAsync([.. path.Split(' ')[1..], "--help"]);

        var examples = shell.Out.Split("\nExamples:\n")[1].Split("\n\n")[0].Split('\n');
        Assert.NotEmpty(examples);
        foreach (var example in examples)
        {
            var parsed = Root.Parse(WordsOf(example));
            Assert.Empty(parsed.Errors);
            Assert.Equal(path, Examples.PathOf(parsed.CommandResult.Command));
        }
    }

    [Fact]
    public void Groups_of_commands_have_examples_too() =>
        Assert.All(
            Leaves(Root).SelectMany(command => command.Parents.OfType<Command>()),
            command => Assert.NotEmpty(Examples.Of(command))
        );

    [Theory]
    [InlineData("there is no command \"pollard taks\"; did you mean tasks?", "pollard --help", "taks")]
    [InlineData(
        "there is no command \"pollard tasks shwo\"; did you mean show?",
        "pollard tasks --help",
        "tasks",
        "shwo"
    )]
    [InlineData("there is no command \"pollard frobnicate\".", "pollard --help", "frobnicate")]
    [InlineData(
        "has no option --stat; did you mean --state?",
        "pollard tasks list --help",
        "tasks",
        "list",
        "--stat",
        "x"
    )]
    [InlineData(
        "has no option --sate=x; did you mean --state?",
        "pollard tasks list --help",
        "tasks",
        "list",
        "--sate=x"
    )]
    [InlineData("takes nothing like \"t1\" here.", "pollard tasks list --help", "tasks", "list", "t1")]
    [InlineData(
        "pollard key create has no option --admn; did you mean --admin?",
        "pollard key create --help",
        "key",
        "create",
        "--admn"
    )]
    [InlineData(
        "pollard ask has no option --modle; did you mean --model?",
        "pollard ask --help",
        "ask",
        "--modle",
        "m",
        "Hello"
    )]
    [InlineData("Example: pollard tasks show task_ID", "pollard tasks show --help", "tasks", "show")]
    [InlineData(
        "Required argument missing for option: '--state'",
        "pollard tasks list --help",
        "tasks",
        "list",
        "--state"
    )]
    public async Task A_mistyped_call_says_what_is_wrong_and_where_to_read_on(
        string expected,
        string readOn,
        params string[] arguments
    )
    {
        using var shell = new TestShell();

        Assert.Equal(ExitCode.Usage, await shell.RunAsync(arguments));

        Assert.StartsWith("pollard: ", shell.Error, StringComparison.Ordinal);
        Assert.Contains(expected, shell.Error, StringComparison.Ordinal);
        Assert.EndsWith($"See: {readOn}\n", shell.Error, StringComparison.Ordinal);
        Assert.InRange(shell.Error.Count(character => character == '\n'), 2, 3);
        Assert.Empty(shell.Out);
    }

    [Theory]
    [InlineData]
    [InlineData("tasks")]
    public async Task Half_a_command_shows_its_other_halves(params string[] arguments)
    {
        using var shell = new TestShell();

        Assert.Equal(ExitCode.Usage, await shell.RunAsync(arguments));

        Assert.Contains("Commands:", shell.Error, StringComparison.Ordinal);
        Assert.Contains("Examples:", shell.Error, StringComparison.Ordinal);
        Assert.Empty(shell.Out);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Every_command_ends_with_2_when_it_is_called_wrongly(string path)
    {
        using var shell = new TestShell();

        Assert.Equal(ExitCode.Usage, await shell.RunAsync([.. path.Split(' ')[1..], "--no-such-option"]));
    }

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task Every_command_that_asks_a_gateway_ends_with_3_when_none_answers(string path)
    {
        using var shell = new TestShell { Input = "" };
        shell.Variables["POLLARD_GATEWAY"] = "http://127.0.0.1:1";

        Assert.Equal(ExitCode.Unreachable, await shell.RunAsync(CallOf(path)));

        Assert.Contains("pollard up", shell.Error, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task Every_command_that_asks_a_gateway_ends_with_1_when_it_refuses(string path)
    {
        await using var gateway = await ScriptedGateway.StartAsync(); // It knows no call.
        using var shell = new TestShell { Input = "" };

        Assert.Equal(ExitCode.Failed, await shell.RunAsync(gateway, CallOf(path)));

        Assert.StartsWith("pollard: ", shell.Error, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task Every_command_that_asks_a_gateway_ends_with_130_when_it_is_interrupted(string path)
    {
        using var interrupted = new CancellationTokenSource();
        await interrupted.CancelAsync();
        using var shell = new TestShell { Input = "" };
        shell.Variables["POLLARD_GATEWAY"] = "http://127.0.0.1:1";

        Assert.Equal(ExitCode.Interrupted, await shell.RunUntilAsync(interrupted.Token, CallOf(path)));
    }

    [Fact]
    public async Task A_missing_key_is_told_with_where_to_put_it()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks", Documents.Problem("unauthorized", "a key is needed", 401), 401);
        using var shell = new TestShell();

        Assert.Equal(ExitCode.Failed, await shell.RunAsync(gateway, "tasks", "list"));

        Assert.Contains("POLLARD_KEY", shell.Error, StringComparison.Ordinal);
        Assert.Contains("--key-file", shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_exit_codes_are_told_as_the_page_tells_them()
    {
        using var shell = new TestShell();

        Assert.Equal(ExitCode.Ok, await shell.RunAsync("help", "exit-codes"));

        var page = await File.ReadAllTextAsync(Repository.In("docs/reference/cli.md"), Token);
        Assert.All(
            shell.Out.TrimEnd('\n').Split('\n'),
            line => Assert.Contains($"\n| {line[..4].Trim()} | {line[6..]} |\n", page, StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_prompt_that_begins_with_an_at_sign_is_no_file()
    {
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = "http://127.0.0.1:1";

        Assert.Equal(ExitCode.Unreachable, await shell.RunAsync("ask", "--model", "m", "@bob says hello"));
    }

    [Theory]
    [InlineData("-1 + 2?")]
    [InlineData("--", "--why")]
    [InlineData("--why is this an option?")]
    public async Task A_prompt_may_begin_with_a_dash_where_it_cannot_be_an_option(params string[] prompt)
    {
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = "http://127.0.0.1:1";

        Assert.Equal(ExitCode.Unreachable, await shell.RunAsync(["ask", "--model", "m", .. prompt]));
    }

    private static string[] CallOf(string path) =>
        WordsOf(Examples.Of(Leaves(Root).Single(command => Examples.PathOf(command) == path))[0]);

    // Without what a shell does before and behind it.
    private static string[] WordsOf(string example)
    {
        var call = example[example.IndexOf("pollard ", StringComparison.Ordinal)..];
        call = call.Split(" | ")[0].Split(" > ")[0].TrimEnd(')');
        return [.. System.CommandLine.Parsing.CommandLineParser.SplitCommandLine(call).Skip(1)];
    }

    private static IEnumerable<Command> Leaves(Command command) =>
        [
            .. command is RootCommand || command.Action is null ? [] : new[] { command },
            .. command.Subcommands.Where(subcommand => !subcommand.Hidden).SelectMany(Leaves),
        ];
}
