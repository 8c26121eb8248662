using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Pollard.Testing;

/// <summary>An authority for certificates of a test's own, which no system trusts, with one for servers at 127.0.0.1 and <c>localhost</c>.</summary>
public sealed class PrivateAuthority : IDisposable
{
    private readonly X509Certificate2 _own;

    /// <summary>Makes both.</summary>
    public PrivateAuthority()
    {
        var now = TimeProvider.System.GetUtcNow();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        _own = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(2));

        using var serverKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var server = new CertificateRequest("CN=localhost", serverKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        server.CertificateExtensions.Add(names.Build());
        using var signed = server.Create(_own, now.AddDays(-1), now.AddDays(1), [1, 2, 3, 4]);
        Server = signed.CopyWithPrivateKey(serverKey);
    }

    /// <summary>The server's certificate with its key.</summary>
    public X509Certificate2 Server { get; }

    /// <summary>The authority's certificate.</summary>
    public X509Certificate2Collection Authorities => [X509CertificateLoader.LoadCertificate(_own.RawData)];

    /// <summary>The same as a file has it.</summary>
    public string Pem => _own.ExportCertificatePem();

    /// <inheritdoc/>
    public void Dispose()
    {
        _own.Dispose();
        Server.Dispose();
    }
}
