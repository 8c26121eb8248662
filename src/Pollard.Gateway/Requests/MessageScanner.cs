using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Requests;

/// <summary>Checks the messages of a chat: that there are some and not too many, and that images are URLs which a host may judge.</summary>
internal static class MessageScanner
{
    /// <summary>Reads the value of <c>messages</c>. True when the last is the model's own, to be gone on with.</summary>
    /// <param name="reader">Stands before it.</param>
    /// <param name="body">What the reader reads.</param>
    /// <param name="options">Limits.</param>
    /// <param name="prefixes">Beginnings of the prompt that they make.</param>
    public static bool Scan(
        ref Utf8JsonReader reader,
        ReadOnlySpan<byte> body,
        GatewayOptions options,
        out PromptPrefixes prefixes
    )
    {
        var hash = new PromptHash();
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw RequestScanner.Wrong(reader, "messages", "a list");
        }

        var count = 0;
        var isOwn = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw RequestScanner.Wrong(reader, $"messages[{count}]", "an object");
            }

            if (++count > options.MaxMessages)
            {
                throw new RejectedException(
                    DoorError.BadRequest(
                        $"there are more than {options.MaxMessages} messages; send fewer",
                        "messages",
                        "too_many_messages"
                    )
                );
            }

            var begin = (int)reader.TokenStartIndex;
            isOwn = ScanMessage(ref reader, count - 1);
            hash.Add(body[begin..(int)reader.BytesConsumed], isOwn);
        }

        if (count == 0)
        {
            throw new RejectedException(DoorError.BadRequest("\"messages\" is empty; send at least one", "messages"));
        }

        prefixes = hash.Prefixes;
        return isOwn;
    }

    // True for a message of the model.
    private static bool ScanMessage(ref Utf8JsonReader reader, int at)
    {
        var isOwn = false;
        var hasRole = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("role"u8))
            {
                reader.Read();
                hasRole =
                    reader.TokenType == JsonTokenType.String
                        ? true
                        : throw RequestScanner.Wrong(reader, $"messages[{at}].role", "a string");
                isOwn = reader.ValueTextEquals("assistant"u8);
            }
            else if (reader.ValueTextEquals("content"u8))
            {
                ScanContent(ref reader, at);
            }
            else
            {
                reader.Skip();
            }
        }

        if (!hasRole)
        {
            var name = $"messages[{at}].role";
            throw new RejectedException(DoorError.BadRequest($"\"{name}\" is missing", name, "missing_member"));
        }

        return isOwn;
    }

    private static void ScanContent(ref Utf8JsonReader reader, int at)
    {
        reader.Read();
        if (reader.TokenType is JsonTokenType.String or JsonTokenType.Null)
        {
            return;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw RequestScanner.Wrong(reader, $"messages[{at}].content", "a string or a list");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw RequestScanner.Wrong(reader, $"messages[{at}].content[]", "an object");
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isImage = reader.ValueTextEquals("image_url"u8);
                reader.Read();
                if (isImage)
                {
                    ScanImage(ref reader, at);
                }
                else
                {
                    reader.Skip();
                }
            }
        }
    }

    private static void ScanImage(ref Utf8JsonReader reader, int at)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            CheckImage(reader, at);
            return;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw RequestScanner.Wrong(reader, $"messages[{at}].content[].image_url", "an object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isUrl = reader.ValueTextEquals("url"u8);
            reader.Read();
            if (isUrl)
            {
                CheckImage(reader, at);
            }

            reader.Skip();
        }
    }

    private static void CheckImage(in Utf8JsonReader reader, int at)
    {
        var name = $"messages[{at}].content[].image_url.url";
        if (reader.TokenType != JsonTokenType.String)
        {
            throw RequestScanner.Wrong(reader, name, "a string");
        }

        // Whether an address is fetched is for the host to say, whose network it is.
        var url = reader.ValueSpan;
        if (!url.StartsWith("data:"u8) && !url.StartsWith("http://"u8) && !url.StartsWith("https://"u8))
        {
            throw new RejectedException(
                DoorError.BadRequest(
                    "an image must be a data: URL, or one of http or https where the model's machine allows it; send \"data:image/png;base64,...\"",
                    name,
                    "image_url_not_allowed"
                )
            );
        }
    }
}
