using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A host with its key, a registry that knows it, and a clock that the test turns.</summary>
internal sealed class SigningHost(
    HostRegistry registry,
    FakeTimeProvider clock,
    MemoryTaskStore store,
    ECDsa key,
    string id
) : IDisposable
{
    public MemoryTaskStore Store => store;

    public string Id => id;

    public HostRegistry Registry => registry;

    public FakeTimeProvider Clock => clock;

    public HostSignatures Signatures { get; private set; } = new(registry, clock);

    public string PublicKey => Convert.ToBase64String(key.ExportSubjectPublicKeyInfo());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<SigningHost> EnrolAsync()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        var store = new MemoryTaskStore(clock);
        await store.OpenAsync(Token);
        var registry = new HostRegistry(store, clock);
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var host = await registry.EnrolAsync(
            Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()),
            "a host",
            JoinTerms.Usual,
            Token
        );
        return new SigningHost(registry, clock, store, key, host!.Id);
    }

    /// <summary>The gateway starts anew, and remembers no request.</summary>
    public void Restart() => Signatures = new HostSignatures(registry, clock);

    public HttpRequest Sign(string body, TimeSpan clockOff = default)
    {
        var seconds = (clock.GetUtcNow() + clockOff).ToUnixTimeSeconds();
        var nonce = Guid.CreateVersion7(clock.GetUtcNow()).ToString("N");
        var content = HostSignature.Content("POST", "/host/v1/link", id, seconds, nonce, Encoding.UTF8.GetBytes(body));
        var http = new DefaultHttpContext();
        http.Request.Method = "POST";
        http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = "/host/v1/link";
        http.Request.Headers[HostSignature.HostHeader] = id;
        http.Request.Headers[HostSignature.TimeHeader] = $"{seconds}";
        http.Request.Headers[HostSignature.NonceHeader] = nonce;
        http.Request.Headers[HostSignature.SignatureHeader] = Convert.ToBase64String(
            key.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)
        );
        return http.Request;
    }

    public void Dispose() => key.Dispose();
}
