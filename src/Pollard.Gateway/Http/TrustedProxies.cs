using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Pollard.Gateway.Http;

/// <summary>Believes proxies that the owner names, and nobody else, for whom they call and whether that was over TLS.</summary>
internal static class TrustedProxies
{
    /// <summary>
    /// Lets a request come from the address that its proxy names in <c>X-Forwarded-For</c>. A chain of proxies is followed from its
    /// near end as far as it is trusted: what a stranger wrote into the header stands behind the stranger's own address.
    /// </summary>
    public static void UseTrustedProxies(this IApplicationBuilder app, IReadOnlyList<IPNetwork> proxies)
    {
        if (proxies.Count == 0)
        {
            return;
        }

        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = null,
        };
        options.KnownProxies.Clear(); // Of itself it would believe whatever runs on this machine.
        options.KnownIPNetworks.Clear();
        foreach (var proxy in proxies)
        {
            options.KnownIPNetworks.Add(proxy);
        }

        app.UseForwardedHeaders(options);
    }
}
