using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;

namespace Pollard.Gateway.Http;

/// <summary>Where a caller calls from, as far as it tells callers apart: of IPv6 the network, in which a machine changes its address at will.</summary>
internal static class CallerAddress
{
    private const int NetworkBytes = 8;

    /// <summary>The address of a request.</summary>
    public static string Of(HttpContext http) => Of(http.Connection.RemoteIpAddress);

    /// <summary>An address, or the /64 network of one of IPv6.</summary>
    public static string Of(IPAddress? address)
    {
        if (address is null)
        {
            return "";
        }

        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        return address.AddressFamily == AddressFamily.InterNetworkV6
            ? Convert.ToHexStringLower(address.GetAddressBytes().AsSpan(0, NetworkBytes)) + "/64"
            : address.ToString();
    }
}
