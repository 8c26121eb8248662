using System.Net.NetworkInformation;
using System.Security.Cryptography;
using System.Text;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>Which network this machine is in: a laptop comes from a home's and from a company's, which let different things through.</summary>
internal static class LocalNetwork
{
    private const int NameBytes = 8;

    /// <summary>A name for it that is the same when the machine comes back; the same for all machines that have no way out.</summary>
    public static string Name()
    {
        try
        {
            var ways = NetworkInterface
                .GetAllNetworkInterfaces()
                .Where(way => way.OperationalStatus == OperationalStatus.Up)
                .Select(way => (way.Name, Properties: way.GetIPProperties()))
                .SelectMany(way =>
                    way.Properties.GatewayAddresses.Select(gateway =>
                        $"{way.Name} {gateway.Address} {way.Properties.DnsSuffix}"
                    )
                )
                .Order(StringComparer.Ordinal);
            var hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', ways)));
            return Convert.ToHexStringLower(hash.AsSpan(0, NameBytes));
        }
        catch (Exception e) when (e is NetworkInformationException or IOException or PlatformNotSupportedException)
        {
            return "unknown"; // Then all networks are one.
        }
    }
}
