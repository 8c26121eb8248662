using System.Buffers;
using System.Buffers.Text;
using System.Text.Encodings.Web;

namespace Pollard.Gateway.Http;

/// <summary>Writes pieces of JSON into a buffer, for templates that are filled per token.</summary>
internal static class JsonText
{
    private const int MostEscaped = 6; // \uXXXX for one byte.
    private const int PieceBytes = 1024;

    private static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    /// <summary>Writes bytes that are JSON already, on one line: a line break between tokens would end an event.</summary>
    public static void WriteRaw(IBufferWriter<byte> output, ReadOnlySpan<byte> json)
    {
        if (!json.ContainsAny((byte)'\n', (byte)'\r'))
        {
            output.Write(json);
            return;
        }

        var copy = json.ToArray();
        copy.AsSpan().Replace((byte)'\n', (byte)' ');
        copy.AsSpan().Replace((byte)'\r', (byte)' ');
        output.Write(copy);
    }

    /// <summary>Writes text as the inside of a JSON string. What is not UTF-8 becomes U+FFFD.</summary>
    public static void WriteEscaped(IBufferWriter<byte> output, ReadOnlySpan<byte> utf8)
    {
        // hot: once a token; guarded by the stream benchmark.
        if (Encoder.FindFirstCharacterToEncodeUtf8(utf8) < 0)
        {
            output.Write(utf8);
            return;
        }

        while (!utf8.IsEmpty)
        {
            var piece = utf8[..Math.Min(utf8.Length, PieceBytes)];
            var target = output.GetSpan(PieceBytes * MostEscaped);
            Encoder.EncodeUtf8(piece, target, out var read, out var written, isFinalBlock: piece.Length == utf8.Length);
            output.Advance(written);
            utf8 = utf8[read..];
        }
    }

    /// <summary>Writes a text as the inside of a JSON string.</summary>
    public static void WriteEscaped(IBufferWriter<byte> output, string text) =>
        WriteEscaped(output, System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a whole number.</summary>
    public static void WriteNumber(IBufferWriter<byte> output, long value)
    {
        var span = output.GetSpan(20);
        Utf8Formatter.TryFormat(value, span, out var written);
        output.Advance(written);
    }
}
