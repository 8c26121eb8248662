using System.CommandLine;
using System.Globalization;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Protocol.Api;

namespace Pollard.Commands;

/// <summary><c>pollard hosts</c>: the machines of the pool.</summary>
internal static class HostsCommand
{
    private static readonly Argument<string> Host = new("host")
    {
        Description = "The host's id, or its name where only one has it",
    };

    public static Command Build(Shell shell) =>
        new("hosts", "The machines of the pool (needs an admin key where keys are on)")
        {
            new Command("list", "Who is there, what they serve, and how busy they are")
                .WithGateway()
                .Does(shell, ListAsync),
            new Command(
                "drain",
                "Gives a host no new work; it finishes what it has, and what only it has the model for waits"
            )
            {
                Host,
            }
                .WithGateway()
                .Does(shell, DrainAsync),
            new Command("resume", "Gives a drained host work again") { Host }
                .WithGateway()
                .Does(shell, ResumeAsync),
            new Command("audits", "How a host of the community was audited, and why it is quarantined") { Host }
                .WithGateway()
                .Does(shell, AuditsAsync),
            new Command("release", "Lifts a host's quarantine, and forgets what stood against it") { Host }
                .WithGateway()
                .Does(shell, ReleaseAsync),
            new Command("revoke", "Closes a host's link and takes its identity away; its work goes to others") { Host }
                .WithGateway()
                .Does(shell, RevokeAsync),
        };

    private static async Task<int> ListAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        var hosts = await gateway.Hosts.ListAsync(ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(new HostList(hosts, hosts.Count, Next: null), Printer.Protocol.HostList);
            return ExitCode.Ok;
        }

        if (hosts.Count == 0)
        {
            context.Print.Note("There are no hosts. Start an agent: pollard agent --gateway URL");
            return ExitCode.Ok;
        }

        var now = context.Shell.Time.GetUtcNow();
        context.Print.Table(
            ["ID", "NAME", "STATE", "TIER", "ROLE", "LINK", "BUSY", "SEEN", "MODELS", "WHY NO WORK"],
            hosts.Select(host => Row(host, now))
        );
        return ExitCode.Ok;
    }

    /// <summary>A tier as people write it.</summary>
    public static string Named(TrustTier tier) =>
        tier switch
        {
            TrustTier.Own => "own",
            TrustTier.Trusted => "trusted",
            _ => "community",
        };

    private static string[] Row(HostDocument host, DateTimeOffset now) =>
        [
            host.Id,
            host.Name,
            host.State,
            Named(host.Tier),
            host.Role,
            host.Carrier ?? "-",
            string.Create(CultureInfo.InvariantCulture, $"{host.Running}/{host.Slots}"),
            host.SeenAt is { } seen ? Durations.Format(now - seen) + " ago" : "never",
            string.Join(", ", host.Models.Select(model => model.Name)),
            host.RestsUntil is { } until ? $"{host.Reason} until {Moments.Format(until)}" : host.Reason ?? "-",
        ];

    private static Task<int> DrainAsync(CommandContext context, CancellationToken ct) =>
        ChangeAsync(
            context,
            "drained",
            "gets no new work and finishes what it has",
            (hosts, id) => hosts.DrainAsync(id, ct),
            ct
        );

    private static Task<int> ResumeAsync(CommandContext context, CancellationToken ct) =>
        ChangeAsync(context, "resumed", "gets work again", (hosts, id) => hosts.ResumeAsync(id, ct), ct);

    private static Task<int> ReleaseAsync(CommandContext context, CancellationToken ct) =>
        ChangeAsync(
            context,
            "released",
            "is out of quarantine; its audits begin anew",
            (hosts, id) => hosts.ReleaseAsync(id, ct),
            ct
        );

    private static async Task<int> AuditsAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        var host = Find(await gateway.Hosts.ListAsync(ct), context.Required(Host));
        var audits = await gateway.Hosts.AuditsAsync(host.Id, ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(audits, Printer.Protocol.HostAudits);
            return ExitCode.Ok;
        }

        var now = context.Shell.Time.GetUtcNow();
        context.Print.Note(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{host.Name} was audited {audits.Audited} times and failed {audits.Failed}; {audits.Misshapen} answers had a wrong shape. Score: {audits.Score} of {audits.Threshold}."
            )
        );
        if (audits.QuarantinedAt is { } since)
        {
            context.Print.Note(
                $"It is quarantined since {Durations.Format(now - since)}. Give it work again: pollard hosts release {host.Id}"
            );
        }

        context.Print.Table(
            ["SEEN", "KIND", "TASK", "OUTCOME", "ASKED", "CAME"],
            audits.Evidence.Select(evidence => Row(evidence, now))
        );
        return ExitCode.Ok;
    }

    private static string[] Row(AuditEvidence evidence, DateTimeOffset now) =>
        [
            Durations.Format(now - evidence.At) + " ago",
            evidence.Kind,
            evidence.Task,
            evidence.Passed ? "passed" : $"failed: {evidence.Why}",
            evidence.Asked ?? "-",
            evidence.Came?.ReplaceLineEndings(" ") ?? "-",
        ];

    private static Task<int> RevokeAsync(CommandContext context, CancellationToken ct) =>
        ChangeAsync(
            context,
            "revoked",
            "is revoked; to come back it must join anew",
            (hosts, id) => hosts.RevokeAsync(id, ct),
            ct
        );

    private static async Task<int> ChangeAsync(
        CommandContext context,
        string changed,
        string outcome,
        Func<Client.HostsClient, string, Task> change,
        CancellationToken ct
    )
    {
        using var gateway = context.Connect();
        var host = Find(await gateway.Hosts.ListAsync(ct), context.Required(Host));
        await change(gateway.Hosts, host.Id);
        context.Print.Outcome(new Changed(host.Id, changed), $"Host {host.Name} ({host.Id}) {outcome}.");
        return ExitCode.Ok;
    }

    private static HostDocument Find(IReadOnlyList<HostDocument> hosts, string wanted)
    {
        HostDocument[] found = [.. hosts.Where(host => string.Equals(host.Id, wanted, StringComparison.Ordinal))];
        if (found.Length == 0)
        {
            found = [.. hosts.Where(host => string.Equals(host.Name, wanted, StringComparison.Ordinal))];
        }

        return found switch
        {
            [var host] => host,
            [] => throw new CommandFailedException($"There is no host \"{wanted}\". See: pollard hosts list"),
            _ => throw new CommandFailedException(
                $"{found.Length} hosts are called \"{wanted}\"; name one by its id: {string.Join(", ", found.Select(host => host.Id))}"
            ),
        };
    }
}
