using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Pollard.Configuration;

/// <summary>The options that say how an agent gets to whom it works for.</summary>
internal static class WaySettings
{
    private static readonly Option<string?> Proxy = CommonOptions.Text(
        "--proxy",
        "URL",
        "An HTTP proxy on the way to whom it works for. Default: what the environment says"
    );

    private static readonly Option<string?> Ca = CommonOptions.Text(
        "--ca",
        "FILE",
        "Certificates, PEM, of which one must have signed that of whom it works for. Default: the system's"
    );

    /// <summary>All about the way.</summary>
    public static Option[] All { get; } = [Proxy, Ca];

    /// <summary>The proxy; null: none is named.</summary>
    /// <exception cref="UsageException">It is no address.</exception>
    public static Uri? ReadProxy(Settings settings) => settings.Address(Proxy);

    /// <summary>The certificates; null: the system's.</summary>
    /// <exception cref="UsageException">They cannot be read.</exception>
    public static X509Certificate2Collection? ReadAuthorities(Settings settings)
    {
        if (settings.Text(Ca) is not { } file)
        {
            return null;
        }

        try
        {
            X509Certificate2Collection authorities = [];
            authorities.ImportFromPemFile(file);
            return authorities.Count > 0
                ? authorities
                : throw new UsageException($"--ca names {file}, which has no certificate in PEM.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new UsageException($"--ca names {file}, which cannot be read: {e.Message}", e);
        }
    }
}
