using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Requests;

/// <summary>
/// Reads an OpenAI-shaped request once, without making objects of it: takes what we act on, checks it, and sees that all of it
/// is JSON.
/// </summary>
internal static class RequestScanner
{
    private const int MostChoices = 128;

    /// <summary>What the request says.</summary>
    /// <exception cref="RejectedException">It is not JSON, or a member that we act on is wrong; says which.</exception>
    public static RequestFacts Scan(ReadOnlySpan<byte> body, RequestShape shape, GatewayOptions options)
    {
        // hot: every request; guarded by the chat benchmark.
        try
        {
            return ScanObject(body, shape, options);
        }
        catch (JsonException e)
        {
            throw RequestBody.Malformed(e);
        }
        catch (InvalidOperationException)
        {
            throw RequestBody.NoText();
        }
    }

    private static RequestFacts ScanObject(ReadOnlySpan<byte> body, RequestShape shape, GatewayOptions options)
    {
        var facts = new RequestFacts { Choices = 1 };
        var reader = new Utf8JsonReader(body);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new RejectedException(
                DoorError.BadRequest($"the body is {NameOf(reader.TokenType)}; send an object")
            );
        }

        var hasSubject = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            hasSubject |= ScanMember(ref reader, body, shape, options, ref facts);
        }

        reader.Read(); // Anything after the object is an error that the reader finds.
        facts.Continuations = shape == RequestShape.Chat ? ContinuationScanner.Allowed(facts) : Continuations.None;
        var subject = SubjectOf(shape);
        return hasSubject
            ? facts
            : throw new RejectedException(DoorError.BadRequest($"\"{subject}\" is missing", subject, "missing_member"));
    }

    private static bool ScanMember(
        ref Utf8JsonReader reader,
        ReadOnlySpan<byte> body,
        RequestShape shape,
        GatewayOptions options,
        ref RequestFacts facts
    )
    {
        if (reader.ValueTextEquals("model"u8))
        {
            reader.Read();
            facts.Model =
                reader.TokenType == JsonTokenType.String
                    ? reader.GetString()
                    : throw Wrong(reader, "model", "a string");
        }
        else if (reader.ValueTextEquals("stream"u8))
        {
            facts.Stream = ReadFlag(ref reader, "stream");
        }
        else if (reader.ValueTextEquals("stream_options"u8))
        {
            facts.IncludeUsage = ReadStreamOptions(ref reader);
        }
        else if (reader.ValueTextEquals("store"u8))
        {
            facts.Store = ReadFlag(ref reader, "store");
        }
        else if (reader.ValueTextEquals("n"u8))
        {
            facts.Choices = ReadChoices(ref reader);
        }
        else if (shape == RequestShape.Chat && reader.ValueTextEquals("messages"u8))
        {
            var goesOn = MessageScanner.Scan(ref reader, body, options, out var prefixes);
            facts.Ruled |= goesOn ? Continuations.Prefill : Continuations.None;
            facts.Prefixes = prefixes;
            return true;
        }
        else if (shape == RequestShape.Chat && reader.ValueTextEquals("polling_mode"u8))
        {
            facts.PollingMode = ReadFlag(ref reader, "polling_mode");
        }
        else if (shape == RequestShape.Chat && reader.ValueTextEquals("tools"u8))
        {
            facts.Tools = ReadTools(ref reader);
        }
        else if (shape == RequestShape.Completion && reader.ValueTextEquals("prompt"u8))
        {
            return ReadSubject(ref reader, "prompt");
        }
        else if (shape == RequestShape.Embedding && reader.ValueTextEquals("input"u8))
        {
            return ReadSubject(ref reader, "input");
        }
        else if (shape == RequestShape.Embedding && reader.ValueTextEquals("encoding_format"u8))
        {
            reader.Read();
            facts.Base64 = reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("base64"u8);
            reader.Skip();
        }
        else
        {
            ContinuationScanner.Scan(ref reader, ref facts);
        }

        return false;
    }

    private static bool ReadFlag(ref Utf8JsonReader reader, string name)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.True => true,
            JsonTokenType.False or JsonTokenType.Null => false,
            _ => throw Wrong(reader, name, "true or false"),
        };
    }

    private static int ReadChoices(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.Null => 1,
            JsonTokenType.Number when reader.TryGetInt32(out var n) && n is >= 1 and <= MostChoices => n,
            _ => throw Wrong(reader, "n", $"a whole number from 1 to {MostChoices}"),
        };
    }

    private static bool ReadStreamOptions(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return false;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Wrong(reader, "stream_options", "an object");
        }

        var includeUsage = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("include_usage"u8))
            {
                includeUsage = ReadFlag(ref reader, "stream_options.include_usage");
            }
            else
            {
                reader.Skip();
            }
        }

        return includeUsage;
    }

    /// <summary>True when there are some.</summary>
    private static bool ReadTools(ref Utf8JsonReader reader)
    {
        var any = false;
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return any;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Wrong(reader, "tools", "a list");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw Wrong(reader, "tools[]", "an object");
            }

            reader.Skip();
            any = true;
        }

        return any;
    }

    private static bool ReadSubject(ref Utf8JsonReader reader, string name)
    {
        reader.Read();
        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.StartArray))
        {
            throw Wrong(reader, name, "a string or a list");
        }

        reader.Skip();
        return true;
    }

    private static string SubjectOf(RequestShape shape) =>
        shape switch
        {
            RequestShape.Chat => "messages",
            RequestShape.Completion => "prompt",
            _ => "input",
        };

    /// <summary>What to say of a member of the wrong type.</summary>
    internal static RejectedException Wrong(in Utf8JsonReader reader, string name, string expected) =>
        new(DoorError.BadRequest($"\"{name}\" must be {expected}, not {NameOf(reader.TokenType)}", name, "wrong_type"));

    private static string NameOf(JsonTokenType type) =>
        type switch
        {
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "a list",
            JsonTokenType.String => "a string",
            JsonTokenType.Number => "that number",
            JsonTokenType.True or JsonTokenType.False => "a truth value",
            _ => "null",
        };
}
