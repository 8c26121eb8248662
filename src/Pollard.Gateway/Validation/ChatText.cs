using System.Text.Json;
using Pollard.Gateway.Answers;

namespace Pollard.Gateway.Validation;

/// <summary>Reads the stored result of a chat.</summary>
internal static class ChatText
{
    /// <summary>The public id of its task, and the text of the first answer; empty where there is none.</summary>
    public static (string? Id, string Text) Of(ReadOnlyMemory<byte> result)
    {
        var json = JsonElement.Parse(result.Span);
        if (json.ValueKind != JsonValueKind.Object)
        {
            return (null, "");
        }

        var id =
            json.TryGetProperty("id"u8, out var named) && named.ValueKind == JsonValueKind.String
                ? named.GetString()
                : null;
        id = id?.StartsWith(ChatAnswer.IdPrefix, StringComparison.Ordinal) is true
            ? $"task_{id[ChatAnswer.IdPrefix.Length..]}"
            : null;
        return JsonField.Find(json, "choices[0].message.content").Value is { ValueKind: JsonValueKind.String } content
            ? (id, content.GetString()!)
            : (id, "");
    }
}
