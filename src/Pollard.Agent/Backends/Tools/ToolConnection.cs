using System.Net;
using System.Security.Cryptography.X509Certificates;
using Pollard.Agent.Connections;

namespace Pollard.Agent.Backends.Tools;

/// <summary>Connections to a tool: to the addresses that it may have, until one answers.</summary>
internal static class ToolConnection
{
    private static readonly TimeSpan ConnectWithin = TimeSpan.FromSeconds(15);

    /// <summary>What makes the connections.</summary>
    /// <exception cref="IOException">The file of certificates cannot be read, or has none.</exception>
    public static SocketsHttpHandler Handler(HttpToolOptions options, ToolAddress address, TimeProvider time)
    {
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false, // Who calls is told where to; this agent calls what is listed.
            UseCookies = false,
            UseProxy = options.Proxy is not null,
            Proxy = options.Proxy is { } proxy ? WayOut.ProxyAt(proxy) : null,
            ConnectTimeout = ConnectWithin,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            EnableMultipleHttp2Connections = true,
            AutomaticDecompression = DecompressionMethods.None, // The answer goes on as it is.
            ActivityHeadersPropagator = null,
            MaxResponseDrainSize = 0,
            ResponseDrainTimeout = TimeSpan.Zero,
            // Where the tool is, only its proxy knows.
            ConnectCallback = options.Proxy is null
                ? (context, ct) => ConnectAsync(context.DnsEndPoint, address.Allows, time, ct)
                : (context, ct) => AddressRace.ConnectAsync(context.DnsEndPoint, time, ct),
        };
        if (options.CertificateAuthority is { } file)
        {
            handler.SslOptions = WayOut.Trusting(Read(file));
        }

        return handler;
    }

    /// <summary>Connects to an address of a name, of those that are allowed.</summary>
    /// <exception cref="ToolNetworkException">None of them is allowed.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">There is none, or none answers.</exception>
    public static async ValueTask<Stream> ConnectAsync(
        DnsEndPoint to,
        Func<IPAddress, bool> allows,
        TimeProvider time,
        CancellationToken ct
    )
    {
        var found = await AddressRace.FindAsync(to.Host, ct);
        var allowed = found.Where(allows).ToList();
        return allowed.Count > 0 || found.Count == 0
            ? await AddressRace.ConnectAsync(allowed, to.Port, time, ct)
            : throw new ToolNetworkException($"{to.Host} is at {found[0]}, a private address");
    }

    private static X509Certificate2Collection Read(string file)
    {
        X509Certificate2Collection authorities = [];
        authorities.ImportFromPemFile(file);
        return authorities.Count > 0 ? authorities : throw new IOException($"{file} has no certificate");
    }
}

/// <summary>A tool's name leads into a network in which its owner has not allowed it to be.</summary>
internal sealed class ToolNetworkException(string message) : Exception(message);
