using System.Text;
using System.Text.Json;

namespace Pollard.Tasks;

/// <summary>What a task cost in tokens, as far as its host has said.</summary>
/// <param name="Input">Of the request; null: not known.</param>
/// <param name="Output">Of the answer; null: not known.</param>
internal readonly record struct TokenCounts(long? Input, long? Output)
{
    /// <summary>The counts in usage of OpenAI's shape.</summary>
    public static TokenCounts Of(string? usage)
    {
        // hot: once a task (bench: chat).
        if (usage is null)
        {
            return default;
        }

        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(usage));
        long? input = null;
        long? output = null;
        while (reader.Read())
        {
            if (reader is not { TokenType: JsonTokenType.PropertyName, CurrentDepth: 1 })
            {
                continue;
            }

            if (reader.ValueTextEquals("prompt_tokens"u8))
            {
                input = Read(ref reader);
            }
            else if (reader.ValueTextEquals("completion_tokens"u8))
            {
                output = Read(ref reader);
            }
        }

        return new TokenCounts(input, output);
    }

    private static long? Read(ref Utf8JsonReader reader) =>
        reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var count) ? count : null;
}
