using System.CommandLine;
using System.Globalization;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Protocol.Api;

namespace Pollard.Commands;

/// <summary><c>pollard token</c>: join tokens, with which hosts enter the pool.</summary>
internal static class TokenCommand
{
    private static readonly Argument<string> Id = new("id") { Description = "The token's id" };

    private static readonly Option<string?> Name = CommonOptions.CallText(
        "--name",
        "NAME",
        "What people call the token"
    );

    private static readonly Option<string?> Uses = CommonOptions.CallText(
        "--uses",
        "N",
        "Hosts that may join with it. Default: 1"
    );

    private static readonly Option<string?> ExpiresIn = CommonOptions.CallText(
        "--expires-in",
        "DURATION",
        "How long it may be used: 15m, 2h, 7d. Default: 1d"
    );

    private static readonly Option<string?> Tier = CommonOptions
        .CallText("--tier", "TIER", "How far the hosts are trusted: own, trusted or community. Default: trusted")
        .Among("own", "trusted", "community");

    private static readonly Option<string?> Owner = CommonOptions.CallText(
        "--owner",
        "NAME",
        "Whose the hosts are; the tasks of a key whose id it is go first on them"
    );

    private static readonly Option<string?> MostSlots = CommonOptions.CallText(
        "--most-slots",
        "N",
        "Tasks that each of them gets at the same time. Default: as many as it says"
    );

    private static readonly Option<string[]> Models = CommonOptions.CallTexts(
        "--models",
        "MODEL",
        "The only models that they may serve; * stands for any text, several parted by commas. Default: all that they have"
    );

    public static Command Build(Shell shell) =>
        new("token", "Join tokens for hosts (needs an admin key where keys are on)")
        {
            new Command("create", "Makes a join token and prints it, once")
                .With(Name, Uses, ExpiresIn, Tier, Owner, MostSlots, Models)
                .WithGateway()
                .Does(shell, CreateAsync),
            new Command("list", "The tokens, without their secrets").WithGateway().Does(shell, ListAsync),
            new Command("revoke", "Takes a token back; hosts that joined with it stay") { Id }
                .WithGateway()
                .Does(shell, RevokeAsync),
        };

    private static async Task<int> CreateAsync(CommandContext context, CancellationToken ct)
    {
        var settings = context.Settings;
        var wanted = new CreateToken
        {
            Name = settings.Text(Name),
            Uses = settings.Number(Uses, 1, 10_000),
            ExpiresIn = settings.Duration(ExpiresIn)?.TotalSeconds,
            Tier = settings.Text(Tier) switch
            {
                null => null,
                "own" => TrustTier.Own,
                "trusted" => TrustTier.Trusted,
                "community" => TrustTier.Community,
                var other => throw new UsageException($"--tier is \"{other}\"; write own, trusted or community."),
            },
            Owner = settings.Text(Owner),
            MostSlots = settings.Number(MostSlots, 1, 1_024),
            Models = LimitSettings.ReadPatterns(settings, Models),
        };
        using var gateway = context.Connect();
        var token = await gateway.Tokens.CreateAsync(wanted, ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(token, Printer.Protocol.TokenDocument);
        }
        else
        {
            context.Print.Line(token.Token ?? "");
            context.Print.Hint(
                $"A host joins with this, until {Moments.Format(token.ExpiresAt)}; it is shown only now:\n  pollard agent --gateway {context.Gateway.AbsoluteUri.TrimEnd('/')} --join {token.Token}"
            );
        }

        return ExitCode.Ok;
    }

    private static async Task<int> ListAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        var tokens = await gateway.Tokens.ListAsync(ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(new TokenList(tokens), Printer.Protocol.TokenList);
            return ExitCode.Ok;
        }

        context.Print.Table(
            ["ID", "NAME", "TIER", "OWNER", "MODELS", "USES LEFT", "CREATED", "EXPIRES"],
            tokens.Select(token =>
                (string[])
                    [
                        token.Id,
                        token.Name ?? "-",
                        HostsCommand.Named(token.Tier),
                        token.Owner ?? "-",
                        token.Models is null ? "any" : string.Join(", ", token.Models),
                        token.UsesLeft.ToString(CultureInfo.InvariantCulture),
                        Moments.Format(token.CreatedAt),
                        Moments.Format(token.ExpiresAt),
                    ]
            )
        );
        return ExitCode.Ok;
    }

    private static async Task<int> RevokeAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        await gateway.Tokens.RevokeAsync(context.Required(Id), ct);
        var id = context.Required(Id);
        context.Print.Outcome(new Changed(id, "revoked"), $"No host joins with token {id} any more.");
        return ExitCode.Ok;
    }
}
