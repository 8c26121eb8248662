using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Pollard.Tasks.Leases;

/// <summary>The signed names of attempts: task and fence, good only for the host they were made for.</summary>
internal sealed class AttemptTokens : IDisposable
{
    private const int ClaimBytes = 16;
    private const int SignatureBytes = 16;
    private readonly Lock _gate = new();
    private readonly IncrementalHash _hash; // Kept: to make one costs more than a signature.

    public AttemptTokens(ReadOnlySpan<byte> storeKey)
    {
        var key = HKDF.DeriveKey(HashAlgorithmName.SHA256, storeKey.ToArray(), 32, info: "pollard attempt"u8.ToArray());
        _hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
    }

    public string Make(TaskId task, long fence, string host)
    {
        Span<byte> token = stackalloc byte[ClaimBytes + SignatureBytes];
        BinaryPrimitives.WriteInt64BigEndian(token, task.Value);
        BinaryPrimitives.WriteInt64BigEndian(token[8..], fence);
        Sign(token[..ClaimBytes], host, token[ClaimBytes..]);
        return Base64Url.EncodeToString(token);
    }

    public bool TryRead(string text, string host, out TaskId task, out long fence)
    {
        task = default;
        fence = 0;
        Span<byte> token = stackalloc byte[ClaimBytes + SignatureBytes];
        if (
            text.Length != Base64Url.GetEncodedLength(token.Length)
            || !Base64Url.IsValid(text) // It would throw.
            || !Base64Url.TryDecodeFromChars(text, token, out var written)
            || written != token.Length
        )
        {
            return false;
        }

        Span<byte> expected = stackalloc byte[SignatureBytes];
        Sign(token[..ClaimBytes], host, expected);
        if (!CryptographicOperations.FixedTimeEquals(expected, token[ClaimBytes..]))
        {
            return false;
        }

        task = new TaskId(BinaryPrimitives.ReadInt64BigEndian(token));
        fence = BinaryPrimitives.ReadInt64BigEndian(token[8..]);
        return true;
    }

    public void Dispose() => _hash.Dispose();

    // hot: once an attempt. bench chat
    private void Sign(ReadOnlySpan<byte> claim, string host, Span<byte> signature)
    {
        var hostBytes = Encoding.UTF8.GetByteCount(host);
        var content = hostBytes <= 256 ? stackalloc byte[ClaimBytes + hostBytes] : new byte[ClaimBytes + hostBytes];
        claim.CopyTo(content);
        Encoding.UTF8.GetBytes(host, content[ClaimBytes..]);
        Span<byte> whole = stackalloc byte[HMACSHA256.HashSizeInBytes];
        lock (_gate)
        {
            _hash.AppendData(content);
            _hash.GetHashAndReset(whole);
        }

        whole[..SignatureBytes].CopyTo(signature);
    }
}
