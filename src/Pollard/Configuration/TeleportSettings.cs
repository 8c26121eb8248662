using System.CommandLine;
using Pollard.Gateway;

namespace Pollard.Configuration;

/// <summary>The gateway's options about teleport agents: what it tells them to change in their settings.</summary>
internal static class TeleportSettings
{
    private const string Directory = "teleport";

    private static readonly Option<string?> Pool = CommonOptions.Text(
        "--teleport-pool",
        "N",
        "Calls that each teleport agent makes at the same time; it is told so. Default: 5"
    );

    private static readonly Option<string?> Rate = CommonOptions.Text(
        "--teleport-rate",
        "N",
        "Requests a minute that teleport agents are told to make at the most. Default: they are told nothing"
    );

    private static readonly Option<bool> Verify = CommonOptions.Switch(
        "--teleport-verify",
        "Tell teleport agents to verify the certificates of tools"
    );

    public static Option[] All { get; } = [Pool, Rate, Verify];

    public static GatewayOptions Read(Settings settings, GatewayOptions options) =>
        options with
        {
            TeleportDirectory = Path.Combine(settings.DataPath, Directory),
            TeleportPoolSize = settings.Number(Pool, 1, 256),
            TeleportRequestsPerMinute = settings.Number(Rate, 1, 10_000),
            TeleportVerify = settings.IsOn(Verify) ? true : null,
        };
}
