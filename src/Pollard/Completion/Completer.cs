using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using Pollard.Commands;

namespace Pollard.Completion;

/// <summary>What may stand where the cursor is: read off the commands themselves, so it never falls behind them.</summary>
internal sealed class Completer(Shell shell, Command root)
{
    private static readonly ParserConfiguration NoFiles = new() { ResponseFileTokenReplacer = null };

    /// <summary>The candidates.</summary>
    /// <param name="words">What stands before the cursor, without the program; the last is the one that is typed, maybe empty.</param>
    /// <param name="ct">Gives up.</param>
    public async Task<IReadOnlyList<Candidate>> CompleteAsync(IReadOnlyList<string> words, CancellationToken ct)
    {
        if (words is [HelpCommand.Name, _, ..])
        {
            words = [.. words.Skip(1)]; // It is about a command, and takes its name.
        }

        string[] before = [.. words.SkipLast(1)];
        var current = (words is [.., var typed] ? typed : "").Trim('"', '\''); // A quotation mark is the shell's, and not yet closed.
        var parsed = root.Parse(before, NoFiles);
        var command = parsed.CommandResult.Command;
        if (before.LastOrDefault() is { } last && FindOption(command, last) is { } awaiting)
        {
            return Beginning(current, await ValuesAsync(parsed, awaiting, awaiting.CompletionSources, ct));
        }

        var equals = current.IndexOf('=', StringComparison.Ordinal);
        if (equals > 0 && FindOption(command, current[..equals]) is { } option)
        {
            var values = await ValuesAsync(parsed, option, option.CompletionSources, ct);
            var name = current[..(equals + 1)];
            return Beginning(current, values.Select(value => value with { Text = name + value.Text }));
        }

        if (current.StartsWith('-'))
        {
            return Beginning(current, Options(parsed));
        }

        List<Candidate> found = [.. Subcommands(command)];
        if (NextArgument(parsed.CommandResult) is { } argument)
        {
            found.AddRange(await ValuesAsync(parsed, argument, argument.CompletionSources, ct));
        }

        // Where nothing else can be named, options are what is left; a shell that gets nothing offers files.
        return Beginning(current, found.Count > 0 || current.Length > 0 ? found : Options(parsed));
    }

    private static Candidate[] Beginning(string current, IEnumerable<Candidate> candidates) =>
        [.. candidates.Where(candidate => candidate.Text.StartsWith(current, StringComparison.Ordinal))];

    private static IEnumerable<Candidate> Subcommands(Command command) =>
        command
            .Subcommands.Where(subcommand => !subcommand.Hidden)
            .Select(subcommand => new Candidate(subcommand.Name, subcommand.Description));

    // Those that are not given yet, or may be given several times.
    private static IEnumerable<Candidate> Options(ParseResult parsed) =>
        OptionsOf(parsed.CommandResult.Command)
            .Where(option =>
                !option.Hidden && (option is Option<string[]> || parsed.GetResult(option) is null or { Implicit: true })
            )
            .Select(option => new Candidate(option.Name, option.Description));

    private static IEnumerable<Option> OptionsOf(Command command) =>
        command.Options.Concat(
            command.Parents.OfType<Command>().SelectMany(OptionsOf).Where(option => option.Recursive)
        );

    // An option whose value comes next.
    private static Option? FindOption(Command command, string name) =>
        OptionsOf(command)
            .FirstOrDefault(option => option.Name == name && option is Option<string?> or Option<string[]>);

    private static Argument? NextArgument(CommandResult command)
    {
        var given = command.Children.OfType<ArgumentResult>().Sum(argument => argument.Tokens.Count);
        foreach (var argument in command.Command.Arguments)
        {
            if (given < argument.Arity.MaximumNumberOfValues)
            {
                return argument;
            }

            given -= argument.Arity.MaximumNumberOfValues;
        }

        return null;
    }

    private async Task<IEnumerable<Candidate>> ValuesAsync(
        ParseResult parsed,
        Symbol symbol,
        List<Func<CompletionContext, IEnumerable<CompletionItem>>> sources,
        CancellationToken ct
    )
    {
        var known = sources
            .SelectMany(source => source(CompletionContext.Empty))
            .Select(value => new Candidate(value.Label, value.Detail));
        return [.. known, .. await new GatewayCandidates(shell).FindAsync(parsed, symbol, ct)];
    }
}
