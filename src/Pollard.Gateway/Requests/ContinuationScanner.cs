using System.Text.Json;
using Pollard.Tasks;

namespace Pollard.Gateway.Requests;

/// <summary>Sees in a chat request how another host could go on with its answer, were that cut.</summary>
internal static class ContinuationScanner
{
    private const Continuations All = Continuations.Prefill | Continuations.Replay;

    /// <summary>Looks at a member, and reads past its value; the reader stands at its name.</summary>
    public static void Scan(ref Utf8JsonReader reader, ref RequestFacts facts)
    {
        // hot: every request; guarded by the chat benchmark.
        if (reader.ValueTextEquals("temperature"u8))
        {
            reader.Read();
            facts.Repeats = reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var heat) && heat == 0;
        }
        else if (reader.ValueTextEquals("response_format"u8))
        {
            reader.Read(); // A grammar would begin anew at the seam.
            facts.Ruled |= IsPlainText(ref reader) ? Continuations.None : Continuations.Prefill;
        }
        else if (
            reader.ValueTextEquals("logprobs"u8)
            || reader.ValueTextEquals("functions"u8)
            || reader.ValueTextEquals("modalities"u8)
        )
        {
            reader.Read();
            facts.Ruled |= reader.TokenType is JsonTokenType.Null or JsonTokenType.False ? Continuations.None : All;
        }
        else if (reader.ValueTextEquals("ollama"u8))
        {
            reader.Read();
            ScanNative(ref reader, ref facts);
        }
        else
        {
            reader.Read();
        }

        reader.Skip();
    }

    /// <summary>What is left of all ways once the whole request is read.</summary>
    public static Continuations Allowed(in RequestFacts facts)
    {
        var allowed = All & ~facts.Ruled;
        return facts.Tools || facts.Choices > 1 ? Continuations.None
            : facts.Repeats ? allowed
            : allowed & ~Continuations.Replay;
    }

    private static bool IsPlainText(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return reader.TokenType == JsonTokenType.Null;
        }

        var isPlain = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            reader.Read();
            isPlain |= isType && reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("text"u8);
            reader.Skip();
        }

        return isPlain;
    }

    // What a client of Ollama's own API said and OpenAI's has no word for.
    private static void ScanNative(ref Utf8JsonReader reader, ref RequestFacts facts)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var rules =
                reader.ValueTextEquals("format"u8) ? Continuations.Prefill
                : reader.ValueTextEquals("logprobs"u8) ? All
                : Continuations.None;
            reader.Read();
            facts.Ruled |= reader.TokenType is JsonTokenType.Null or JsonTokenType.False ? Continuations.None : rules;
            reader.Skip();
        }
    }
}
