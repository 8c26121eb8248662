using System.Globalization;
using System.Net;

namespace Pollard.Voice.Links;

/// <summary>What the addresses of a name are, now.</summary>
/// <exception cref="System.Net.Sockets.SocketException">There is no such name, or nobody says.</exception>
internal delegate Task<IPAddress[]> AddressLookup(string name, CancellationToken ct);

/// <summary>
/// Where a service is: a machine and a port. A name of a machine is looked up each time that it is called: one that comes back may have
/// another address, and one that never came may have none yet.
/// </summary>
/// <param name="Host">The machine, by its address or its name.</param>
/// <param name="Port">The port.</param>
internal sealed record ServicePlace(string Host, int Port)
{
    private const int MostAddresses = 8;

    /// <summary>One whose address is known.</summary>
    public static implicit operator ServicePlace(IPEndPoint place) => new(place.Address.ToString(), place.Port);

    /// <summary>Where it may be now, of which each may be the one that answers.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">There is no such name, or nobody says.</exception>
    public async ValueTask<IReadOnlyList<IPEndPoint>> FindAsync(AddressLookup lookup, CancellationToken ct)
    {
        var addresses = IPAddress.TryParse(Host, out var known) ? [known] : await lookup(Host, ct);
        return [.. addresses.Take(MostAddresses).Select(address => new IPEndPoint(address, Port))];
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{(Host.Contains(':') ? $"[{Host}]" : Host)}:{Port}");
}
