using System.CommandLine;
using Pollard.Gateway;

namespace Pollard.Configuration;

/// <summary>The gateway's options about hosts of the community, and about the Andy pool that they come from.</summary>
internal static class AndySettings
{
    private static readonly Option<bool> Open = CommonOptions.Switch(
        "--andy-open",
        "Let hosts of the Andy pool join without a token, and strangers use the Andy API within limits"
    );

    private static readonly Option<string?> Requests = CommonOptions.Text(
        "--andy-requests",
        "N",
        "Requests a minute that strangers of one address may make at the Andy API. Default: 60"
    );

    private static readonly Option<bool> CommunityTools = CommonOptions.Switch(
        "--community-tools",
        "Give requests with tools, and calls of tools, to hosts of the community too"
    );

    private static readonly Option<string?> AuditShare = CommonOptions.Text(
        "--audit-share",
        "SHARE",
        "How many of the answers of the community's hosts are audited, such as 5%; 0 is none. Default: 2%"
    );

    public static Option[] All { get; } = [Open, Requests, CommunityTools, AuditShare];

    public static GatewayOptions Read(Settings settings, GatewayOptions options) =>
        options with
        {
            AndyOpen = settings.IsOn(Open),
            CommunityTools = settings.IsOn(CommunityTools),
            AuditShare = settings.Share(AuditShare) ?? options.AuditShare,
            StrangerRequestsPerMinute = settings.Number(Requests, 1, 1_000_000) ?? options.StrangerRequestsPerMinute,
        };
}
