using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.OpenAi;

/// <summary>Reads what one chunk adds to one answer; a whole message has the same members.</summary>
internal sealed class OpenAiDelta
{
    private bool _reasoningHasOtherName;

    /// <summary>Reads the delta, or the whole message, that follows.</summary>
    public void Read(ref Utf8JsonReader json, ReadOnlySpan<byte> data, ushort choice, DeltaBatch deltas)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
        {
            json.Skip();
            return;
        }

        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (Is(ref json, "content"u8))
            {
                Text(ref json, DeltaKind.Content, choice, deltas);
            }
            else if (Is(ref json, "reasoning_content"u8))
            {
                _reasoningHasOtherName = true; // Some servers send the same text under both names.
                Text(ref json, DeltaKind.Reasoning, choice, deltas);
            }
            else if (Is(ref json, "reasoning"u8) && !_reasoningHasOtherName)
            {
                Text(ref json, DeltaKind.Reasoning, choice, deltas);
            }
            else if (Is(ref json, "refusal"u8))
            {
                Text(ref json, DeltaKind.Refusal, choice, deltas);
            }
            else if (Is(ref json, "tool_calls"u8))
            {
                ToolCalls(ref json, data, choice, deltas);
            }
            else
            {
                json.Skip();
            }
        }
    }

    /// <summary>Reads the text that follows: a string, or a list of parts.</summary>
    public static void Text(ref Utf8JsonReader json, DeltaKind kind, ushort choice, DeltaBatch deltas)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.String)
        {
            deltas.AddText(kind, choice, ref json);
        }
        else if (json.TokenType == JsonTokenType.StartArray)
        {
            Parts(ref json, kind, choice, deltas);
        }
        else
        {
            json.Skip();
        }
    }

    /// <summary>Some servers send text as a list of parts, and those of thinking as a list within one.</summary>
    private static void Parts(ref Utf8JsonReader json, DeltaKind kind, ushort choice, DeltaBatch deltas)
    {
        while (json.Read() && json.TokenType == JsonTokenType.StartObject)
        {
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                if (Is(ref json, "text"u8))
                {
                    Text(ref json, kind, choice, deltas);
                }
                else if (Is(ref json, "thinking"u8))
                {
                    Text(ref json, DeltaKind.Reasoning, choice, deltas);
                }
                else
                {
                    json.Skip();
                }
            }
        }

        if (json.TokenType != JsonTokenType.EndArray)
        {
            throw new JsonException("a part is no object");
        }
    }

    private static void ToolCalls(ref Utf8JsonReader json, ReadOnlySpan<byte> data, ushort choice, DeltaBatch deltas)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartArray)
        {
            json.Skip();
            return;
        }

        for (var index = 0; json.Read() && json.TokenType == JsonTokenType.StartObject; index++)
        {
            var start = (int)json.TokenStartIndex;
            var hasIndex = HasMember(json, "index"u8);
            json.Skip();
            var call = data[start..(int)json.BytesConsumed];
            if (hasIndex)
            {
                deltas.Add(DeltaKind.ToolCall, choice, call);
            }
            else if (HasAnyMember(call))
            {
                // A whole answer counts its calls by their place; a delta says it.
                var text = System.Text.Encoding.UTF8.GetBytes(FormattableString.Invariant($"{{\"index\":{index},"));
                deltas.Add(DeltaKind.ToolCall, choice, (byte[])[.. text, .. call[1..]]);
            }
        }

        if (json.TokenType != JsonTokenType.EndArray)
        {
            throw new JsonException("a tool call is no object");
        }
    }

    private static bool HasAnyMember(ReadOnlySpan<byte> call)
    {
        Utf8JsonReader json = new(call);
        return json.Read() && json.Read() && json.TokenType == JsonTokenType.PropertyName;
    }

    private static bool HasMember(Utf8JsonReader json, ReadOnlySpan<byte> name)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (Is(ref json, name))
            {
                return true;
            }

            json.Skip();
        }

        return false;
    }

    private static bool Is(ref Utf8JsonReader json, ReadOnlySpan<byte> name) => json.ValueTextEquals(name);
}
