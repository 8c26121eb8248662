using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Pollard.Agent.Backends.Http;

/// <summary>Reads JSON strings that the framework refuses: half surrogate pairs and bytes that are no UTF-8 become U+FFFD.</summary>
internal static class JsonText
{
    /// <summary>Copies the text of the string that the reader stands on; room for three times its bytes is needed.</summary>
    public static int Copy(ref Utf8JsonReader json, Span<byte> room)
    {
        try
        {
            return json.CopyString(room);
        }
        catch (InvalidOperationException)
        {
            return Encoding.UTF8.GetBytes(Mend(json.ValueSpan), room);
        }
    }

    /// <summary>The text of the string that the reader stands on.</summary>
    public static string Read(ref Utf8JsonReader json)
    {
        try
        {
            return json.GetString() ?? "";
        }
        catch (InvalidOperationException)
        {
            return Mend(json.ValueSpan);
        }
    }

    /// <summary>An element's bytes as they came.</summary>
    public static byte[] Raw(JsonElement json) => JsonMarshal.GetRawUtf8Value(json).ToArray();

    private static string Mend(ReadOnlySpan<byte> escaped)
    {
        // The reader has checked the escapes; only what they mean together can be wrong.
        var text = Encoding.UTF8.GetString(escaped);
        StringBuilder plain = new(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 == text.Length)
            {
                plain.Append(text[i]);
                continue;
            }

            i++;
            if (text[i] == 'u' && i + 4 < text.Length)
            {
                var hex = text.AsSpan(i + 1, 4);
                plain.Append((char)ushort.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                i += 4;
            }
            else
            {
                plain.Append(Unescaped(text[i]));
            }
        }

        // Through UTF-8 and back: the encoder puts U+FFFD where half a pair stands.
        return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(plain.ToString()));
    }

    private static char Unescaped(char escape) =>
        escape switch
        {
            'b' => '\b',
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            _ => escape,
        };
}
