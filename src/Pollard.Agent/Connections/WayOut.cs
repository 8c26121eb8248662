using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Pollard.Agent.Connections;

/// <summary>How connections leave this machine: proxies, and whose certificates are believed.</summary>
internal static class WayOut
{
    /// <summary>
    /// What an agent's connections to whom it works for have in common: the proxy and the certificates that its options name, and every
    /// address of a name. Without a proxy there, those of the environment are used.
    /// </summary>
    public static Action<SocketsHttpHandler> ToServer(AgentOptions options) =>
        handler =>
        {
            if (options.Proxy is { } proxy)
            {
                handler.Proxy = ProxyAt(proxy);
            }

            if (options.CertificateAuthorities is { } authorities)
            {
                handler.SslOptions = Trusting(authorities);
            }

            handler.ConnectCallback = (context, ct) => AddressRace.ConnectAsync(context.DnsEndPoint, options.Time, ct);
            options.ConfigureHttp?.Invoke(handler);
        };

    /// <summary>A proxy, with the user and password that its address may have.</summary>
    public static WebProxy ProxyAt(Uri address)
    {
        var proxy = new WebProxy(address);
        if (address.UserInfo is { Length: > 0 } user)
        {
            var parts = user.Split(':', 2);
            proxy.Credentials = new NetworkCredential(
                Uri.UnescapeDataString(parts[0]),
                Uri.UnescapeDataString(parts.Length > 1 ? parts[1] : "")
            );
        }

        return proxy;
    }

    /// <summary>Believes only servers whose certificate one of these has signed.</summary>
    public static SslClientAuthenticationOptions Trusting(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck, // As without a policy; authorities of one's own have no list of that.
        };
        policy.CustomTrustStore.AddRange(authorities);
        return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
    }
}
