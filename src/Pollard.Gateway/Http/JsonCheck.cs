using System.Text.Json;
using System.Text.Unicode;

namespace Pollard.Gateway.Http;

/// <summary>Finds what passes as JSON and still cannot be read: an escaped half of a surrogate pair, bytes that are no UTF-8.</summary>
internal static class JsonCheck
{
    /// <summary>True when these bytes are JSON and all of its text can be read.</summary>
    public static bool IsReadable(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(json);
            while (reader.Read())
            {
                if (reader is { ValueIsEscaped: true, TokenType: JsonTokenType.String or JsonTokenType.PropertyName })
                {
                    reader.GetString();
                }
            }

            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>The same for bytes that are known to be JSON: text without escapes is not looked at again.</summary>
    public static bool IsTextReadable(ReadOnlySpan<byte> json) =>
        json.IndexOf("\\u"u8) < 0 ? Utf8.IsValid(json) : IsReadable(json);
}
