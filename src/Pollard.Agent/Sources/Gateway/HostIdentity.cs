using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>The agent's own key, and what it remembers of each gateway, in a file that only its user may read.</summary>
internal sealed class HostIdentity : IDisposable
{
    private const string FileName = "host.json";
    private readonly string _path;
    private readonly ECDsa _key;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, GatewayMemory> _gateways;

    private HostIdentity(string path, ECDsa key, Dictionary<string, GatewayMemory> gateways) =>
        (_path, _key, _gateways) = (path, key, gateways);

    /// <summary>The public key, as an enrolment names it.</summary>
    public string PublicKey => Convert.ToBase64String(_key.ExportSubjectPublicKeyInfo());

    /// <summary>Reads the file, or makes a key and the file.</summary>
    /// <exception cref="InvalidDataException">The file is there and damaged.</exception>
    public static HostIdentity Open(string directory)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            var made = new HostIdentity(path, ECDsa.Create(ECCurve.NamedCurves.nistP256), new(StringComparer.Ordinal));
            made.Save();
            return made;
        }

        try
        {
            var file =
                JsonSerializer.Deserialize(File.ReadAllBytes(path), HostFileJson.Default.HostFile)
                ?? throw new JsonException("The file holds null.");
            var key = ECDsa.Create();
            key.ImportPkcs8PrivateKey(Convert.FromBase64String(file.PrivateKey), out _);
            return new HostIdentity(path, key, new(file.Gateways, StringComparer.Ordinal));
        }
        catch (Exception e) when (e is JsonException or FormatException or CryptographicException)
        {
            throw new InvalidDataException(
                $"The host's key file {path} is damaged. Restore it, or delete it and enrol anew with a join token.",
                e
            );
        }
    }

    /// <summary>What is remembered of a gateway, or null.</summary>
    public GatewayMemory? Find(Uri gateway)
    {
        lock (_gate)
        {
            return _gateways.GetValueOrDefault(gateway.AbsoluteUri);
        }
    }

    /// <summary>Remembers something of a gateway.</summary>
    public void Remember(Uri gateway, GatewayMemory memory)
    {
        lock (_gate)
        {
            if (_gateways.GetValueOrDefault(gateway.AbsoluteUri) != memory)
            {
                _gateways[gateway.AbsoluteUri] = memory;
                Save();
            }
        }
    }

    /// <summary>Signs, as <see cref="Protocol.HostLink.HostSignature"/> says.</summary>
    public string Sign(byte[] content)
    {
        lock (_gate)
        {
            return Convert.ToBase64String(
                _key.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)
            );
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();

    private void Save() =>
        PrivateFile.Replace(
            _path,
            new HostFile(Convert.ToBase64String(_key.ExportPkcs8PrivateKey()), _gateways),
            HostFileJson.Default.HostFile
        );
}

/// <summary>What an agent remembers of one gateway.</summary>
/// <param name="HostId">The id that enrolment gave.</param>
/// <param name="Networks">What is known of the ways to it, the one used last at the end.</param>
internal sealed record GatewayMemory(string HostId, IReadOnlyList<NetworkMemory>? Networks = null);

/// <summary>What an agent remembers of the way from one network to a gateway.</summary>
/// <param name="Network">See <see cref="LocalNetwork"/>.</param>
/// <param name="Carrier">The carrier that worked last.</param>
/// <param name="IdleHeartbeatSeconds">How often an idle link must hear something lest it is cut; null when that never happened.</param>
internal sealed record NetworkMemory(string Network, string? Carrier = null, double? IdleHeartbeatSeconds = null)
{
    /// <summary>The same when a link was cut after such a silence: from then on something is to be heard well before that.</summary>
    public NetworkMemory CutAfter(TimeSpan quiet)
    {
        const double Share = 0.6;
        var (least, most) = (LinkLimits.HeartbeatInterval, LinkLimits.IdleHeartbeatMost);
        if (quiet < 2 * least || quiet > 2 * most)
        {
            return this; // A link that was not idle, or a machine that slept: neither tells of the way.
        }

        var seconds = Math.Clamp(quiet.TotalSeconds * Share, least.TotalSeconds, most.TotalSeconds);
        return this with { IdleHeartbeatSeconds = Math.Min(seconds, IdleHeartbeatSeconds ?? seconds) };
    }
}

/// <summary>The key file.</summary>
internal sealed record HostFile(string PrivateKey, Dictionary<string, GatewayMemory> Gateways);

/// <summary>How the key file lies on disk.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(HostFile))]
internal sealed partial class HostFileJson : JsonSerializerContext;
