using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>
/// A request whose right answer is known beforehand and new each time: words that every language model can say again. Simulators
/// know its form too.
/// </summary>
/// <param name="Text">What the user of the chat says.</param>
/// <param name="Words">What the answer must have, in this order.</param>
internal sealed record Canary(string Text, IReadOnlyList<string> Words)
{
    private const int WordCount = 6;
    private const int MostTokens = 2048; // Models that think must come to an end too.

    private static readonly string[] Openings =
    [
        "Repeat exactly these words",
        "Write the following words, and nothing else",
        "Say these words again, in the same order",
        "Copy these words without changing them",
    ];

    // Common, of one spelling and one token or two, and hard to mix up.
    private static readonly string[] Vocabulary =
    [
        .. (
            "apple bridge candle desert engine forest garden hammer island jacket kitchen ladder mirror needle orange pencil "
            + "rabbit silver table umbrella valley window yellow zebra bottle carpet dragon eagle finger guitar harbor "
            + "jungle lemon market morning number ocean paper queen river school ticket uncle village winter button "
            + "castle doctor flower ground honey insect kettle letter monkey north office picture road summer tiger water"
        ).Split(' '),
    ];

    /// <summary>A new one.</summary>
    public static Canary New(Random random)
    {
        var words = random.GetItems(Vocabulary, WordCount);
        string[] all = [.. words, random.Next(100, 1000).ToString(CultureInfo.InvariantCulture)];
        return new Canary($"{Openings[random.Next(Openings.Length)]}: {string.Join(' ', all)}", all);
    }

    /// <summary>The chat that asks for it.</summary>
    public byte[] RequestFor(string model, bool stream)
    {
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body, JsonReply.WriterOptions))
        {
            json.WriteStartObject();
            json.WriteString("model"u8, model);
            json.WriteStartArray("messages"u8);
            json.WriteStartObject();
            json.WriteString("role"u8, "user"u8);
            json.WriteString("content"u8, Text);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteNumber("temperature"u8, 0);
            json.WriteNumber("max_tokens"u8, MostTokens);
            json.WriteBoolean("stream"u8, stream);
            json.WriteEndObject();
        }

        return body.WrittenSpan.ToArray();
    }

    /// <summary>What is wrong with an answer, for people; null when nothing is.</summary>
    public string? Objection(string answer)
    {
        if (answer.Contains(Text, StringComparison.OrdinalIgnoreCase))
        {
            return "it gives the request back"; // Which has the words, and takes no model.
        }

        var said = TextAgreement.WordsOf(answer);
        var at = 0;
        foreach (var word in Words)
        {
            at = said.FindIndex(at, other => string.Equals(other, word, StringComparison.OrdinalIgnoreCase)) + 1;
            if (at == 0)
            {
                return $"the word \"{word}\" is missing or out of order";
            }
        }

        return null;
    }
}
