using System.CommandLine;
using System.Globalization;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Protocol.Api;

namespace Pollard.Commands;

/// <summary><c>pollard key</c>: clients' keys.</summary>
internal static class KeyCommand
{
    private static readonly Argument<string> Name = new("name") { Description = "What people call the key" };

    private static readonly Argument<string> Id = new("id") { Description = "The key's id" };

    private static readonly Option<bool> Admin = CommonOptions.CallSwitch(
        "--admin",
        "An admin key: sees every task, and manages hosts, keys and tokens"
    );

    private static readonly Option<bool> Viewer = CommonOptions.CallSwitch(
        "--viewer",
        "A viewer's key: sees everything but what tasks say, and changes nothing; for the dashboard"
    );

    private static readonly Option<string?> RequestsPerMinute = CommonOptions.CallText(
        "--requests-per-minute",
        "N",
        "Requests a minute at the most. Default: no limit"
    );

    private static readonly Option<string?> MaxRunning = CommonOptions.CallText(
        "--max-running",
        "N",
        "Tasks that may run at the same time. Default: no limit"
    );

    private static readonly Option<string?> ExpiresIn = CommonOptions.CallText(
        "--expires-in",
        "DURATION",
        "How long it opens anything: 90, 15m, 2h, 7d. Default: until it is revoked"
    );

    public static Command Build(Shell shell) =>
        new("key", "Clients' keys (needs an admin key where keys are on)")
        {
            new Command("create", "Makes a key and prints it, once") { Name }
                .With(Admin, Viewer, RequestsPerMinute, MaxRunning, ExpiresIn)
                .WithGateway()
                .Does(shell, CreateAsync),
            new Command("list", "The keys, without their secrets").WithGateway().Does(shell, ListAsync),
            new Command("revoke", "Takes a key back; its tasks stay") { Id }
                .WithGateway()
                .Does(shell, RevokeAsync),
        };

    private static async Task<int> CreateAsync(CommandContext context, CancellationToken ct)
    {
        var settings = context.Settings;
        var wanted = new CreateKey
        {
            Name = context.Required(Name),
            Role = RoleOf(settings),
            RequestsPerMinute = settings.Number(RequestsPerMinute, 1, int.MaxValue),
            MaxRunning = settings.Number(MaxRunning, 1, int.MaxValue),
            ExpiresIn = settings.Duration(ExpiresIn)?.TotalSeconds,
        };
        using var gateway = context.Connect();
        var key = await gateway.Keys.CreateAsync(wanted, ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(key, Printer.Protocol.KeyDocument);
        }
        else
        {
            context.Print.Line(key.Key ?? "");
            context.Print.Hint($"This is the only time that key {key.Id} is shown; only its hash is stored.");
        }

        return ExitCode.Ok;
    }

    private static string? RoleOf(Settings settings) =>
        (settings.IsOn(Admin), settings.IsOn(Viewer)) switch
        {
            (true, true) => throw new UsageException(
                "A key is an admin's or a viewer's; give one of --admin and --viewer."
            ),
            (true, _) => "admin",
            (_, true) => "viewer",
            _ => null,
        };

    private static async Task<int> ListAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        var keys = await gateway.Keys.ListAsync(ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(new KeyList(keys), Printer.Protocol.KeyList);
            return ExitCode.Ok;
        }

        context.Print.Table(
            ["ID", "NAME", "ROLE", "CREATED", "EXPIRES", "A MINUTE", "RUNNING"],
            keys.Select(key =>
                (string[])
                    [
                        key.Id,
                        key.Name,
                        key.Role,
                        Moments.Format(key.CreatedAt),
                        key.ExpiresAt is { } end ? Moments.Format(end) : "never",
                        key.RequestsPerMinute?.ToString(CultureInfo.InvariantCulture) ?? "-",
                        key.MaxRunning?.ToString(CultureInfo.InvariantCulture) ?? "-",
                    ]
            )
        );
        return ExitCode.Ok;
    }

    private static async Task<int> RevokeAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        await gateway.Keys.RevokeAsync(context.Required(Id), ct);
        var id = context.Required(Id);
        context.Print.Outcome(new Changed(id, "revoked"), $"Key {id} opens nothing any more.");
        return ExitCode.Ok;
    }
}
