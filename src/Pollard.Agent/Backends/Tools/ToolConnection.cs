using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Pollard.Agent.Backends.Tools;

/// <summary>Connections to a tool: to the addresses that it may have, one after the other until one answers.</summary>
internal static class ToolConnection
{
    private static readonly TimeSpan ConnectWithin = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan TryAddressFor = TimeSpan.FromSeconds(5); // Where IPv6 leads nowhere, IPv4 has its turn.

    /// <summary>What makes the connections.</summary>
    public static SocketsHttpHandler Handler(HttpToolOptions options, ToolAddress address, TimeProvider time)
    {
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false, // Who calls is told where to; this agent calls what is listed.
            UseCookies = false,
            UseProxy = options.Proxy is not null,
            Proxy = options.Proxy is { } proxy ? new WebProxy(proxy) : null,
            ConnectTimeout = ConnectWithin,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            EnableMultipleHttp2Connections = true,
            AutomaticDecompression = DecompressionMethods.None, // The answer goes on as it is.
            ActivityHeadersPropagator = null,
            MaxResponseDrainSize = 0,
            ResponseDrainTimeout = TimeSpan.Zero,
        };
        if (options.Proxy is null)
        {
            handler.ConnectCallback = (context, ct) => ConnectAsync(context.DnsEndPoint, address.Allows, time, ct);
        }

        if (options.CertificateAuthority is { } file)
        {
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = PolicyOf(file) };
        }

        return handler;
    }

    /// <summary>Connects to the first address of a name that answers, of those that are allowed.</summary>
    /// <exception cref="ToolNetworkException">None of them is allowed.</exception>
    /// <exception cref="HttpRequestException">There is none, or none answers.</exception>
    public static async ValueTask<Stream> ConnectAsync(
        DnsEndPoint to,
        Func<IPAddress, bool> allows,
        TimeProvider time,
        CancellationToken ct
    )
    {
        var found = IPAddress.TryParse(to.Host.Trim('[', ']'), out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(to.Host, ct);
        var allowed = found.Where(allows).ToList();
        if (allowed.Count == 0)
        {
            throw found.Length == 0
                ? new HttpRequestException(HttpRequestError.NameResolutionError, $"{to.Host} has no address")
                : new ToolNetworkException($"{to.Host} is at {found[0]}, a private address");
        }

        Exception? last = null;
        foreach (var address in allowed)
        {
            try
            {
                return await ConnectAsync(new IPEndPoint(address, to.Port), time, ct);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException && !ct.IsCancellationRequested)
            {
                last = e;
            }
        }

        throw new HttpRequestException(HttpRequestError.ConnectionError, $"{to.Host} does not answer", last);
    }

    private static async Task<Stream> ConnectAsync(IPEndPoint to, TimeProvider time, CancellationToken ct)
    {
        var socket = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            using var limit = new CancellationTokenSource(TryAddressFor, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
            await socket.ConnectAsync(to, either.Token);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static X509ChainPolicy PolicyOf(string file)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust };
        policy.CustomTrustStore.ImportFromPemFile(file);
        return policy;
    }
}

/// <summary>A tool's name leads into a network in which its owner has not allowed it to be.</summary>
internal sealed class ToolNetworkException(string message) : Exception(message);
