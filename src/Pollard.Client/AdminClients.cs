using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>The machines of the pool; for administrators.</summary>
public sealed class HostsClient
{
    private readonly GatewayHttp _gateway;

    internal HostsClient(GatewayHttp gateway) => _gateway = gateway;

    /// <summary>All hosts, those that are away included.</summary>
    public async Task<IReadOnlyList<HostDocument>> ListAsync(CancellationToken cancellationToken = default)
    {
        var hosts = new List<HostDocument>();
        string? next = null;
        do
        {
            var path = next is null ? "v1/hosts" : "v1/hosts?after=" + Uri.EscapeDataString(next);
            var page = await _gateway
                .CallAsync(GatewayCall.Get(path), ProtocolJson.Default.HostList, cancellationToken)
                .ConfigureAwait(false);
            hosts.AddRange(page.Hosts);
            next = page.Next;
        } while (next is not null);

        return hosts;
    }

    /// <summary>The host gets no new work and finishes what it has.</summary>
    public Task DrainAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(GatewayCall.Post(Path(id) + "/drain"), cancellationToken);

    /// <summary>A drained host gets work again.</summary>
    public Task ResumeAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(GatewayCall.Post(Path(id) + "/resume"), cancellationToken);

    /// <summary>The host's link is closed, its work goes to others, and its identity opens nothing any more.</summary>
    public Task RevokeAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(GatewayCall.Post(Path(id) + "/revoke"), cancellationToken);

    /// <summary>How a host of the community was audited, and what came of it.</summary>
    public Task<HostAudits> AuditsAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(GatewayCall.Get(Path(id) + "/audits"), ProtocolJson.Default.HostAudits, cancellationToken);

    /// <summary>A quarantined host gets work again, and what stood against it is forgotten.</summary>
    public Task ReleaseAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(GatewayCall.Post(Path(id) + "/release"), cancellationToken);

    private static string Path(string id) => "v1/hosts/" + Uri.EscapeDataString(id);
}

/// <summary>What the gateway does at this moment; for administrators and keys that look on.</summary>
public sealed class OverviewClient
{
    private readonly GatewayHttp _gateway;

    internal OverviewClient(GatewayHttp gateway) => _gateway = gateway;

    /// <summary>Counts, rates, queues, what runs and what failed of late.</summary>
    public Task<Overview> GetAsync(CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(GatewayCall.Get("v1/overview"), ProtocolJson.Default.Overview, cancellationToken);

    /// <summary>How it went in the last ten minutes, or in the last day.</summary>
    public Task<OverviewHistory> GetHistoryAsync(bool day = false, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(
            GatewayCall.Get(day ? "v1/overview/history?span=24h" : "v1/overview/history"),
            ProtocolJson.Default.OverviewHistory,
            cancellationToken
        );
}

/// <summary>Clients' keys; for administrators.</summary>
public sealed class KeysClient
{
    private readonly GatewayHttp _gateway;

    internal KeysClient(GatewayHttp gateway) => _gateway = gateway;

    /// <summary>Makes a key; the answer is the only one that has its secret.</summary>
    public Task<KeyDocument> CreateAsync(CreateKey key, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(
            GatewayCall.Post("v1/keys", key, ProtocolJson.Default.CreateKey),
            ProtocolJson.Default.KeyDocument,
            cancellationToken
        );

    /// <summary>All keys, without their secrets.</summary>
    public async Task<IReadOnlyList<KeyDocument>> ListAsync(CancellationToken cancellationToken = default)
    {
        var request = GatewayCall.Get("v1/keys");
        var reply = await _gateway
            .CallAsync(request, ProtocolJson.Default.KeyList, cancellationToken)
            .ConfigureAwait(false);
        return reply.Keys;
    }

    /// <summary>The key opens nothing any more; its tasks stay.</summary>
    public Task RevokeAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(
            new GatewayCall(HttpMethod.Delete, "v1/keys/" + Uri.EscapeDataString(id)),
            cancellationToken
        );
}

/// <summary>Join tokens, with which hosts enter the pool; for administrators.</summary>
public sealed class TokensClient
{
    private readonly GatewayHttp _gateway;

    internal TokensClient(GatewayHttp gateway) => _gateway = gateway;

    /// <summary>Makes a join token; the answer is the only one that has its secret.</summary>
    public Task<TokenDocument> CreateAsync(CreateToken token, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(
            GatewayCall.Post("v1/tokens", token, ProtocolJson.Default.CreateToken),
            ProtocolJson.Default.TokenDocument,
            cancellationToken
        );

    /// <summary>All join tokens, without their secrets.</summary>
    public async Task<IReadOnlyList<TokenDocument>> ListAsync(CancellationToken cancellationToken = default)
    {
        var request = GatewayCall.Get("v1/tokens");
        var reply = await _gateway
            .CallAsync(request, ProtocolJson.Default.TokenList, cancellationToken)
            .ConfigureAwait(false);
        return reply.Tokens;
    }

    /// <summary>No host joins with it any more; those that did stay.</summary>
    public Task RevokeAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(
            new GatewayCall(HttpMethod.Delete, "v1/tokens/" + Uri.EscapeDataString(id)),
            cancellationToken
        );
}
