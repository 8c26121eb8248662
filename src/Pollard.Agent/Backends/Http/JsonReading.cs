using System.Text.Json;

namespace Pollard.Agent.Backends.Http;

/// <summary>Reads what JSON of others may or may not contain.</summary>
internal static class JsonReading
{
    /// <summary>A member that is there and not null.</summary>
    public static JsonElement? Member(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object
        && json.TryGetProperty(name, out var value)
        && value.ValueKind is not JsonValueKind.Null
            ? value
            : null;

    public static string? Text(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    public static long? Integer(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number)
            ? number
            : null;

    public static bool IsTrue(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.True };

    /// <summary>The items of an array; none when it is not there or no array.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Array } value ? value.EnumerateArray() : [];
}
