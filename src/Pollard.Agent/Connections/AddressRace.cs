using System.Net;
using System.Net.Sockets;

namespace Pollard.Agent.Connections;

/// <summary>
/// Connects to the first of several addresses that answers. IPv6 and IPv4 take turns, and each has a short head start before the next is
/// tried beside it: a network where one of them leads nowhere costs less than a second, and a slow one is not given up.
/// </summary>
internal static class AddressRace
{
    private const int MostAddresses = 8;
    private static readonly TimeSpan HeadStart = TimeSpan.FromMilliseconds(300);

    /// <summary>Connects to where a name leads.</summary>
    /// <exception cref="SocketException">There is no such name, or none of its addresses answers.</exception>
    public static async ValueTask<Stream> ConnectAsync(DnsEndPoint to, TimeProvider time, CancellationToken ct) =>
        await ConnectAsync(await FindAsync(to.Host, ct), to.Port, time, ct);

    /// <summary>The addresses of a name, or of an address in numbers.</summary>
    /// <exception cref="SocketException">There is no such name.</exception>
    public static async Task<IReadOnlyList<IPAddress>> FindAsync(string host, CancellationToken ct) =>
        IPAddress.TryParse(host.Trim('[', ']'), out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(host, ct);

    /// <summary>Connects to one of these addresses.</summary>
    /// <exception cref="SocketException">None of them answers.</exception>
    public static async Task<Stream> ConnectAsync(
        IReadOnlyList<IPAddress> addresses,
        int port,
        TimeProvider time,
        CancellationToken ct
    )
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var next = new Queue<IPAddress>(Ordered(addresses));
        List<Task<Stream>> tries = [];
        var last = new SocketException((int)SocketError.HostNotFound);
        try
        {
            while (next.TryDequeue(out var address) || tries.Count > 0)
            {
                if (address is not null)
                {
                    tries.Add(ConnectAsync(new IPEndPoint(address, port), over.Token));
                }

                var wait = next.Count > 0 ? HeadStart : Timeout.InfiniteTimeSpan;
                if (await FirstAsync(tries, wait, time, ct) is not { } ended)
                {
                    continue;
                }

                tries.Remove(ended);
                try
                {
                    return await ended;
                }
                catch (SocketException e)
                {
                    last = e;
                }
            }
        }
        finally
        {
            await over.CancelAsync();
            await CloseAsync(tries);
        }

        throw last;
    }

    /// <summary>The order of the system's, but so that the families take turns.</summary>
    internal static IEnumerable<IPAddress> Ordered(IEnumerable<IPAddress> addresses) =>
        addresses
            .GroupBy(static address => address.AddressFamily)
            .SelectMany(static family => family.Index())
            .OrderBy(static placed => placed.Index)
            .Select(static placed => placed.Item)
            .Take(MostAddresses);

    private static async Task<Task<Stream>?> FirstAsync(
        List<Task<Stream>> tries,
        TimeSpan within,
        TimeProvider time,
        CancellationToken ct
    )
    {
        try
        {
            return await Task.WhenAny(tries).WaitAsync(within, time, ct);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    private static async Task<Stream> ConnectAsync(IPEndPoint to, CancellationToken ct)
    {
        var socket = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(to, ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task CloseAsync(List<Task<Stream>> lost)
    {
        foreach (var other in lost)
        {
            try
            {
                await (await other).DisposeAsync();
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // It has not got that far.
            }
        }
    }
}
