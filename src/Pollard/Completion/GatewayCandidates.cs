using System.CommandLine;
using System.Text.RegularExpressions;
using Pollard.Client;
using Pollard.Commands;
using Pollard.Configuration;
using Pollard.Output;

namespace Pollard.Completion;

/// <summary>Candidates that only the running gateway knows; none when it does not answer at once.</summary>
internal sealed partial class GatewayCandidates(Shell shell)
{
    private const int Most = 100;

    // Somebody sits at the keyboard and waits.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>The values of an option or argument; none for most of them.</summary>
    public async Task<IEnumerable<Candidate>> FindAsync(ParseResult parsed, Symbol symbol, CancellationToken ct)
    {
        var command = parsed.CommandResult.Command;
        if (!command.Options.Contains(CommonOptions.Gateway) || SourceOf(command, symbol) is not { } source)
        {
            return [];
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        try
        {
            var settings = Settings.Read(parsed, shell.Environment);
            var context = new CommandContext(shell, parsed, settings, new Printer(shell, json: false));
            using var gateway = context.Connect();
            var found = await source(gateway, limit.Token);
            // What hosts and clients named must not become a command of its own in somebody's shell.
            return [.. found.Where(candidate => Plain.IsMatch(candidate.Text)).Take(Most)];
        }
        catch (Exception e) when (e is UsageException or PollardException or IOException or UnauthorizedAccessException)
        {
            return []; // There is no place to say it: the person is in the middle of a line.
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return [];
        }
    }

    private static Func<PollardClient, CancellationToken, Task<IEnumerable<Candidate>>>? SourceOf(
        Command command,
        Symbol symbol
    ) =>
        (command.Parents.First().Name, symbol.Name) switch
        {
            (_, "--model") when command.Name != "agent" => ModelsAsync,
            ("tasks", "id") => TasksAsync,
            ("hosts", "host") => HostsAsync,
            ("key", "id") => KeysAsync,
            ("token", "id") => TokensAsync,
            _ => null,
        };

    private static async Task<IEnumerable<Candidate>> ModelsAsync(PollardClient gateway, CancellationToken ct) =>
        (await gateway.Models.ListAsync(ct)).Select(model => new Candidate(model.Id));

    private static async Task<IEnumerable<Candidate>> TasksAsync(PollardClient gateway, CancellationToken ct)
    {
        var page = await gateway.Tasks.ListAsync(new TaskListQuery { Limit = Most }, ct);
        return page.Tasks.Select(task => new Candidate(task.Id, $"{task.State} {task.Kind} {task.Model}"));
    }

    private static async Task<IEnumerable<Candidate>> HostsAsync(PollardClient gateway, CancellationToken ct)
    {
        var hosts = await gateway.Hosts.ListAsync(ct);
        return hosts
            .Select(host => new Candidate(host.Name, host.State))
            .DistinctBy(host => host.Text, StringComparer.Ordinal);
    }

    private static async Task<IEnumerable<Candidate>> KeysAsync(PollardClient gateway, CancellationToken ct) =>
        (await gateway.Keys.ListAsync(ct)).Select(key => new Candidate(key.Id, key.Name));

    private static async Task<IEnumerable<Candidate>> TokensAsync(PollardClient gateway, CancellationToken ct) =>
        (await gateway.Tokens.ListAsync(ct)).Select(token => new Candidate(token.Id, token.Name));

    [GeneratedRegex(@"^[A-Za-z0-9_.][A-Za-z0-9_.:/@+-]{0,199}$", RegexOptions.NonBacktracking)]
    private static partial Regex Plain { get; }
}
