using System.Buffers;
using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Protocol.Dialects;

namespace Pollard.Gateway.Hosts;

/// <summary>
/// What clients of Ollama's API may say of the machine does not reach hosts of the community: how a lent machine runs a model is
/// for whoever lends it. Of the options those go along that say how an answer is made.
/// </summary>
internal static class LentMachine
{
    private const string Options = "options";

    /// <summary>The request as it goes to such a host.</summary>
    /// <param name="request">What the client asks.</param>
    /// <param name="kind">Which kind of work.</param>
    /// <param name="context">Tokens of context that the host offers the model with; null: it does not say.</param>
    public static ReadOnlyMemory<byte> Spare(ReadOnlyMemory<byte> request, string kind, int? context)
    {
        try
        {
            return HasNative(request.Span) ? Rewrite(request.Span, RequestRules.FromOllama(kind), context) : request;
        }
        catch (JsonException)
        {
            return request; // Work of some other kind, whose requests are no JSON: no model server reads it.
        }
    }

    private static bool HasNative(ReadOnlySpan<byte> request)
    {
        // hot: once an offer to such a host.
        var reader = new Utf8JsonReader(request);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("ollama"u8))
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }

    // All else is copied as it lies: it may hold text that nobody could write anew.
    private static ReadOnlyMemory<byte> Rewrite(ReadOnlySpan<byte> request, RequestRules rules, int? context)
    {
        var output = new ArrayBufferWriter<byte>(request.Length);
        var reader = new Utf8JsonReader(request);
        reader.Read();
        var before = "{"u8;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            var isNative = reader.ValueTextEquals("ollama"u8);
            reader.Read();
            var valueStart = (int)reader.TokenStartIndex;
            reader.Skip();
            output.Write(before);
            output.Write(request[start..(isNative ? valueStart : (int)reader.BytesConsumed)]);
            if (isNative)
            {
                WriteNative(output, request[valueStart..(int)reader.BytesConsumed], rules, context);
            }

            before = ","u8;
        }

        output.Write("}"u8);
        return output.WrittenMemory;
    }

    private static void WriteNative(
        ArrayBufferWriter<byte> output,
        ReadOnlySpan<byte> value,
        RequestRules rules,
        int? context
    )
    {
        var native = JsonElement.Parse(value);
        if (native.ValueKind != JsonValueKind.Object || !JsonCheck.IsTextReadable(value))
        {
            output.Write("null"u8);
            return;
        }

        using var json = new Utf8JsonWriter(output, JsonReply.WriterOptions);
        json.WriteStartObject();
        foreach (var member in native.EnumerateObject())
        {
            if (member.Name == Options && member.Value.ValueKind == JsonValueKind.Object)
            {
                json.WriteStartObject(Options);
                WriteOptions(json, member.Value, rules, context);
                json.WriteEndObject();
            }
            else if (member.Name is not (Options or "keep_alive") && rules.Find(member.Name) is not null)
            {
                member.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteOptions(Utf8JsonWriter json, JsonElement options, RequestRules rules, int? context)
    {
        foreach (var option in options.EnumerateObject())
        {
            // Without it a long prompt would be cut; more than the host offers it cannot be.
            var isContext =
                option.Name == "num_ctx"
                && option.Value.ValueKind == JsonValueKind.Number
                && option.Value.TryGetInt32(out var wanted)
                && wanted > 0
                && wanted <= context;
            if (isContext || rules.Find($"{Options}.{option.Name}") is { Fate: not MemberFate.Ignored })
            {
                option.WriteTo(json);
            }
        }
    }
}
