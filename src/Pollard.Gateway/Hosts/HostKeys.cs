using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Pollard.Gateway.Hosts;

/// <summary>
/// Public keys of hosts as they were imported: that costs more than to check a signature, and on carrier C every request is
/// signed. Holds a bounded number and forgets all beyond it, for they are soon imported again.
/// </summary>
internal sealed class HostKeys
{
    private const int Most = 1000;
    private readonly ConcurrentDictionary<string, ECDsa> _keys = new(StringComparer.Ordinal);

    /// <summary>True when the signature of this content is by the key.</summary>
    public bool Verifies(string publicKey, byte[] content, byte[] signature)
    {
        if (_keys.Count >= Most)
        {
            _keys.Clear(); // Not disposed: another thread may be using one. Its finalizer gives it back.
        }

        var key = _keys.GetOrAdd(publicKey, Import);
        lock (key)
        {
            return key.VerifyData(
                content,
                signature,
                HashAlgorithmName.SHA256,
                DSASignatureFormat.IeeeP1363FixedFieldConcatenation
            );
        }
    }

    private static ECDsa Import(string publicKey)
    {
        var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey), out _);
        return key;
    }
}
