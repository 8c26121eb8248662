using System.Text.Json;

namespace Pollard.Gateway.Answers;

/// <summary>What a stream's end says, read from the stored result of a chat or completion.</summary>
internal sealed class AnswerFacts
{
    /// <summary>Why each answer ended.</summary>
    public List<string> FinishReasons { get; } = [];

    /// <summary>Tokens, JSON as it is stored; empty when not known.</summary>
    public ReadOnlyMemory<byte> Usage { get; private set; }

    /// <summary>The backend's timings, JSON as they are stored; empty when there are none.</summary>
    public ReadOnlyMemory<byte> Timings { get; private set; }

    /// <summary>The tokens of the conversation so far, JSON as Ollama gives them to be sent back; empty when there are none.</summary>
    public ReadOnlyMemory<byte> Context { get; private set; }

    /// <summary>The first answer's message, JSON; empty for completions.</summary>
    public ReadOnlyMemory<byte> Message { get; private set; }

    /// <summary>Reads a result that <see cref="ResultAssembler"/> made.</summary>
    public static AnswerFacts Read(ReadOnlyMemory<byte> result)
    {
        var facts = new AnswerFacts();
        var reader = new Utf8JsonReader(result.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("choices"u8))
            {
                reader.Read();
                while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
                {
                    facts.ReadChoice(ref reader, result);
                }
            }
            else if (reader.ValueTextEquals("usage"u8))
            {
                facts.Usage = Raw(ref reader, result);
            }
            else if (reader.ValueTextEquals("ollama"u8))
            {
                facts.Timings = Raw(ref reader, result);
            }
            else if (reader.ValueTextEquals("context"u8))
            {
                facts.Context = Raw(ref reader, result);
            }
            else
            {
                reader.Skip();
            }
        }

        return facts;
    }

    private void ReadChoice(ref Utf8JsonReader reader, ReadOnlyMemory<byte> result)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("finish_reason"u8))
            {
                reader.Read();
                FinishReasons.Add(reader.GetString() ?? "stop");
            }
            else if (Message.IsEmpty && reader.ValueTextEquals("message"u8))
            {
                Message = Raw(ref reader, result);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private static ReadOnlyMemory<byte> Raw(ref Utf8JsonReader reader, ReadOnlyMemory<byte> result)
    {
        reader.Read();
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return result[start..(int)reader.BytesConsumed];
    }
}
