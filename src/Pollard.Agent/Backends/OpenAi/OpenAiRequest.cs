using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.Dialects;

namespace Pollard.Agent.Backends.OpenAi;

/// <summary>A client's request, made ready for an OpenAI-compatible server: what we do not act on is copied byte by byte.</summary>
/// <param name="Body">What is sent.</param>
/// <param name="Choices">How many answers it asks for.</param>
internal sealed record OpenAiRequest(ReadOnlyMemory<byte> Body, int Choices)
{
    // Words of compatible servers and proxies by which a request says whom they are to call, or as whom. A client elsewhere must
    // not make a machine call into its own network.
    private static readonly FrozenSet<string> Elsewhere = FrozenSet.Create(
        StringComparer.Ordinal,
        "api_base",
        "api_key",
        "base_url",
        "bootstrap_host",
        "bootstrap_port",
        "extra_headers",
        "kv_transfer_params"
    );

    /// <summary>Replaces the model and asks for a stream with usage.</summary>
    /// <exception cref="BackendException">It is no JSON object, or asks for what we cannot carry.</exception>
    public static OpenAiRequest From(WorkItem work, OpenAiBackendOptions options, bool streams)
    {
        try
        {
            return Rewrite(work, options, streams);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BackendException(BackendFailure.Unreadable(e), e);
        }
    }

    private static OpenAiRequest Rewrite(WorkItem work, OpenAiBackendOptions options, bool streams)
    {
        var request = work.Request.Span;
        ArrayBufferWriter<byte> output = new(request.Length + 256);
        output.Write("{\"model\":"u8);
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStringValue(work.Offer.Model);
        }

        var choices = 1;
        Utf8JsonReader reader = new(request);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("it is no object");
        }

        ReadOnlySpan<byte> streamOptions = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = MemberNames.Fold(reader);
            var nameStart = (int)reader.TokenStartIndex;
            reader.Read();
            var valueStart = (int)reader.TokenStartIndex;
            if (name.SequenceEqual("n"u8) && reader.TokenType == JsonTokenType.Number)
            {
                choices = reader.TryGetInt32(out var n) ? Math.Clamp(n, 1, OpenAiParser.MostChoices) : 1;
            }

            var refused = Refused(name, reader);
            reader.Skip();
            var value = request[valueStart..(int)reader.BytesConsumed];
            if (refused is not null)
            {
                throw new BackendException(BackendFailure.Unsupported(refused, "Pollard"));
            }

            if (name.SequenceEqual("ollama"u8))
            {
                CheckNative(value, work.Offer.Kind);
            }
            else if (name.SequenceEqual("stream_options"u8))
            {
                streamOptions = value;
            }
            else if (!IsOurs(name))
            {
                CheckUrls(name, value, options.AllowUrls);
                output.Write(","u8);
                output.Write(request[nameStart..(int)reader.BytesConsumed]);
            }
        }

        if (reader.Read())
        {
            throw new JsonException("something follows the object");
        }

        WriteEnd(output, streams, options.IncludeUsage, streamOptions);
        return new(output.WrittenMemory, choices);
    }

    /// <summary>Names a parameter that leads the server elsewhere, or whose output has no place among our deltas.</summary>
    private static string? Refused(ReadOnlySpan<byte> name, Utf8JsonReader value)
    {
        if (value.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        var text = Encoding.UTF8.GetString(name);
        if (Elsewhere.Contains(text) || text is "functions" or "audio")
        {
            return text;
        }

        while (name.SequenceEqual("modalities"u8) && value.Read() && value.TokenType == JsonTokenType.String)
        {
            if (value.ValueTextEquals("audio"u8))
            {
                return "modalities";
            }
        }

        return null;
    }

    private static bool IsOurs(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("model"u8) || name.SequenceEqual("stream"u8);

    private static void CheckUrls(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool mayFetch)
    {
        var member =
            name.SequenceEqual("messages"u8) ? "messages"
            : name.SequenceEqual("input"u8) ? "input"
            : name.SequenceEqual("tools"u8) ? "tools"
            : null;
        if (member is not null && ContentUrls.Refusal(value, member, mayFetch) is { } failure)
        {
            throw new BackendException(failure);
        }
    }

    /// <summary>Looks at what a client of Ollama's API said and OpenAI's has another word for, which stands beside it, or none.</summary>
    private static void CheckNative(ReadOnlySpan<byte> native, string kind)
    {
        using var document = JsonDocument.Parse(native.ToArray());
        if (
            document.RootElement.ValueKind == JsonValueKind.Object
            && RequestRules.FromOllama(kind).FirstRefused(document.RootElement) is { } parameter
        )
        {
            throw new BackendException(BackendFailure.Unsupported(parameter, "OpenAI's API"));
        }
    }

    private static void WriteEnd(
        ArrayBufferWriter<byte> output,
        bool streams,
        bool includeUsage,
        ReadOnlySpan<byte> streamOptions
    )
    {
        if (!streams)
        {
            output.Write("}"u8);
            return;
        }

        output.Write(",\"stream\":true"u8);
        if (includeUsage)
        {
            output.Write(",\"stream_options\":{\"include_usage\":true"u8);
            CopyStreamOptions(output, streamOptions);
            output.Write("}"u8);
        }

        output.Write("}"u8);
    }

    private static void CopyStreamOptions(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> options)
    {
        if (options.IsEmpty || options[0] != '{')
        {
            return;
        }

        Utf8JsonReader reader = new(options);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            var isUsage = reader.ValueTextEquals("include_usage"u8);
            reader.Read();
            reader.Skip();
            if (!isUsage)
            {
                output.Write(","u8);
                output.Write(options[start..(int)reader.BytesConsumed]);
            }
        }
    }
}
