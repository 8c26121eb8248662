using System.Text;
using System.Text.Json;

namespace Pollard.Testing;

/// <summary>Damages JSON in the ways that people and attackers do, and some that only chance does. The same seed does the same.</summary>
public static class JsonFuzz
{
    /// <summary>Stands in samples for what a client would not want to find in a message or a log.</summary>
    public const string Secret = "Geheimnis";

    private static readonly string[] Values =
    [
        "null",
        "true",
        "-1",
        "0",
        "1e999",
        "-1e-999",
        "123456789012345678901234567890",
        "2147483648",
        "0.5",
        "01",
        "\"\"",
        "\"x\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\u0000\"",
        $"\"{Secret}\"",
        $"t{Secret}",
        $"n{Secret}",
        $"-{Secret}",
        $"\"\\{Secret}\"",
        $"{{\"{Secret}\":\"\\ud800{Secret}\"}}",
        $"{{\"\\ud800\":\"{Secret}\"}}",
        $"[\"{Secret}\",{{}}]",
        "[]",
        "{}",
        "[null]",
        "[{}]",
        "[[]]",
        "{\"\":{}}",
    ];

    /// <summary>The bytes of a sample, damaged.</summary>
    public static byte[] Damage(string sample, int seed)
    {
        var random = new Random(seed);
        var bytes = Encoding.UTF8.GetBytes(sample);
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            bytes = random.Next(10) switch
            {
                0 => Noise(random),
                1 => Replace(bytes, random, Deep(random)),
                2 => Twice(bytes, random),
                3 => Flip(bytes, random),
                4 => Cut(bytes, random),
                5 => Insert(bytes, random, [0xC3, 0x28, 0xFF]),
                _ => Replace(bytes, random, Encoding.UTF8.GetBytes(Values[random.Next(Values.Length)])),
            };
        }

        return bytes;
    }

    private static byte[] Noise(Random random)
    {
        var bytes = new byte[random.Next(0, 300)];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Deeper than any reader goes.</summary>
    private static byte[] Deep(Random random)
    {
        var depth = random.Next(1, 1200);
        var (open, close) = random.Next(2) == 0 ? ("[", "]") : ("{\"a\":", "}");
        return Encoding.UTF8.GetBytes(
            string.Concat(Enumerable.Repeat(open, depth)) + "1" + string.Concat(Enumerable.Repeat(close, depth))
        );
    }

    private static byte[] Flip(byte[] bytes, Random random)
    {
        if (bytes.Length > 0)
        {
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        }

        return bytes;
    }

    private static byte[] Cut(byte[] bytes, Random random)
    {
        var start = random.Next(bytes.Length + 1);
        var end = random.Next(start, bytes.Length + 1);
        return [.. bytes[..start], .. bytes[end..]];
    }

    private static byte[] Insert(byte[] bytes, Random random, byte[] what)
    {
        var at = random.Next(bytes.Length + 1);
        return [.. bytes[..at], .. what, .. bytes[at..]];
    }

    private static byte[] Replace(byte[] bytes, Random random, byte[] value)
    {
        var parts = PartsOf(bytes);
        if (parts.Count == 0)
        {
            return Insert(bytes, random, value);
        }

        var (_, start, end) = parts[random.Next(parts.Count)];
        return [.. bytes[..start], .. value, .. bytes[end..]];
    }

    /// <summary>A member that is there twice, the first time with another value.</summary>
    private static byte[] Twice(byte[] bytes, Random random)
    {
        var members = PartsOf(bytes).Where(part => part.Name is not null).ToList();
        if (members.Count == 0)
        {
            return bytes;
        }

        var (name, _, end) = members[random.Next(members.Count)];
        var again = Encoding.UTF8.GetBytes($",\"{name}\":{Values[random.Next(Values.Length)]}");
        return [.. bytes[..end], .. again, .. bytes[end..]];
    }

    /// <summary>Where values begin and end, and the names of those that are members.</summary>
    private static List<(string? Name, int Start, int End)> PartsOf(byte[] bytes)
    {
        List<(string? Name, int Start, int End)> parts = [];
        try
        {
            var json = new Utf8JsonReader(bytes);
            string? name = null;
            while (json.Read())
            {
                if (json.TokenType == JsonTokenType.PropertyName)
                {
                    name = Encoding.UTF8.GetString(json.ValueSpan);
                    continue;
                }

                if (json.TokenType is not (JsonTokenType.EndArray or JsonTokenType.EndObject))
                {
                    var start = (int)json.TokenStartIndex;
                    var inner = json;
                    inner.Skip();
                    parts.Add((name, start, (int)inner.BytesConsumed));
                }

                name = null;
            }
        }
        catch (JsonException)
        {
            // Damaged before: what was found until then will do.
        }

        return parts;
    }
}
