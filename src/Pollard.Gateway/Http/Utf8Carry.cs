namespace Pollard.Gateway.Http;

/// <summary>Joins text that was cut within a character: holds the cut character's first bytes until the rest comes.</summary>
internal struct Utf8Carry
{
    private byte[]? _held;

    /// <summary>What can be shown of <paramref name="text"/> and of what was held before it.</summary>
    public ReadOnlySpan<byte> Join(ReadOnlySpan<byte> text)
    {
        // hot: once a token; text that ends with a whole character passes through.
        if (_held is { } held)
        {
            text = (byte[])[.. held, .. text];
            _held = null;
        }

        var cut = CutBytes(text);
        if (cut > 0)
        {
            _held = text[^cut..].ToArray();
            text = text[..^cut];
        }

        return text;
    }

    /// <summary>How many bytes at the end begin a character that is not whole.</summary>
    private static int CutBytes(ReadOnlySpan<byte> text)
    {
        for (var back = 1; back <= Math.Min(3, text.Length); back++)
        {
            var value = text[^back];
            if (value < 0x80)
            {
                return 0;
            }

            if (value >= 0xC0)
            {
                var needed =
                    value >= 0xF0 ? 4
                    : value >= 0xE0 ? 3
                    : 2;
                return needed > back ? back : 0;
            }
        }

        return 0;
    }
}
