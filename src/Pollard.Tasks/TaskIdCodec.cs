using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Pollard.Tasks;

/// <summary>
/// Turns a task's number into the id that clients see and back: one AES block of the number and eight zero bytes, under a key
/// that the store keeps. Who does not know the key can neither guess an id nor tell from one how many tasks there are.
/// </summary>
public sealed class TaskIdCodec : IDisposable
{
    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const int BlockBytes = 16;
    private const int TextLength = 26; // 128 bits, five a letter.
    private readonly Aes _aes = Aes.Create();
    private readonly Lock _gate = new();
    private readonly ICryptoTransform _encryptor; // Kept: to make one costs ten times as much as a block.
    private readonly ICryptoTransform _decryptor;
    private readonly byte[] _from = new byte[BlockBytes];
    private readonly byte[] _to = new byte[BlockBytes];

    /// <summary>Takes the store's key, 16 bytes.</summary>
    public TaskIdCodec(ReadOnlySpan<byte> key)
    {
        _aes.SetKey(key);
        _aes.Mode = CipherMode.ECB;
        _aes.Padding = PaddingMode.None;
        _encryptor = _aes.CreateEncryptor();
        _decryptor = _aes.CreateDecryptor();
    }

    /// <summary>The id in the form of a door: <paramref name="prefix"/> and 26 letters and digits.</summary>
    public string Format(TaskId id, string prefix = "task_")
    {
        Span<byte> block = stackalloc byte[BlockBytes];
        Encrypt(id, block);
        return string.Create(
            prefix.Length + TextLength,
            new Text(
                prefix,
                new UInt128(
                    BinaryPrimitives.ReadUInt64BigEndian(block),
                    BinaryPrimitives.ReadUInt64BigEndian(block[8..])
                )
            ),
            static (span, text) =>
            {
                text.Prefix.CopyTo(span);
                var bits = text.Bits;
                for (var i = span.Length - 1; i >= text.Prefix.Length; i--)
                {
                    span[i] = Alphabet[(int)(bits & 31)];
                    bits >>= 5;
                }
            }
        );
    }

    /// <summary>The id as a UUID, for doors whose clients expect one.</summary>
    public Guid FormatGuid(TaskId id)
    {
        Span<byte> block = stackalloc byte[BlockBytes];
        Encrypt(id, block);
        return new Guid(block, bigEndian: true);
    }

    /// <summary>Reads an id in any door's form: what follows the last <c>_</c> or <c>-</c>, or a UUID. False for anything that we did not make.</summary>
    public bool TryParse(ReadOnlySpan<char> text, out TaskId id)
    {
        id = default;
        Span<byte> block = stackalloc byte[BlockBytes];
        if (text.Length == 36 && Guid.TryParseExact(text, "D", out var guid))
        {
            return guid.TryWriteBytes(block, bigEndian: true, out _) && Decrypt(block, out id);
        }

        var at = text.LastIndexOfAny('_', '-') + 1;
        if (text.Length - at != TextLength)
        {
            return false;
        }

        var bits = UInt128.Zero;
        foreach (var character in text[at..])
        {
            var value = Alphabet.IndexOf(character, StringComparison.Ordinal);
            if (value < 0)
            {
                return false;
            }

            bits = (bits << 5) | (UInt128)(uint)value;
        }

        BinaryPrimitives.WriteUInt128BigEndian(block, bits);
        return text[at] <= 'h' && Decrypt(block, out id); // The first letter holds only three of the 128 bits.
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _encryptor.Dispose();
        _decryptor.Dispose();
        _aes.Dispose();
    }

    private void Encrypt(TaskId id, Span<byte> block)
    {
        Span<byte> plain = stackalloc byte[BlockBytes];
        plain.Clear();
        BinaryPrimitives.WriteInt64BigEndian(plain, id.Value);
        Transform(_encryptor, plain, block);
    }

    private bool Decrypt(ReadOnlySpan<byte> block, out TaskId id)
    {
        Span<byte> plain = stackalloc byte[BlockBytes];
        Transform(_decryptor, block, plain);
        id = new TaskId(BinaryPrimitives.ReadInt64BigEndian(plain));
        return id.Value > 0 && BinaryPrimitives.ReadInt64BigEndian(plain[8..]) == 0;
    }

    // hot: once a request at least. bench chat
    private void Transform(ICryptoTransform transform, ReadOnlySpan<byte> from, Span<byte> to)
    {
        lock (_gate)
        {
            from.CopyTo(_from);
            transform.TransformBlock(_from, 0, BlockBytes, _to, 0);
            _to.CopyTo(to);
        }
    }

    private readonly record struct Text(string Prefix, UInt128 Bits);
}
