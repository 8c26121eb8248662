using System.Globalization;
using System.Text.Json;

namespace Pollard.Gateway.Validation;

/// <summary>Finds what a path such as <c>items[0].name</c> or <c>items.0.name</c> leads to.</summary>
internal static class JsonField
{
    /// <summary>The value, or which step of the path leads nowhere.</summary>
    public static (JsonElement? Value, string? Problem) Find(JsonElement json, string path)
    {
        var rest = path.AsSpan();
        while (!rest.IsEmpty)
        {
            // A member may have dots in its own name.
            if (json.ValueKind == JsonValueKind.Object && json.TryGetProperty(rest, out var whole))
            {
                return (whole, null);
            }

            var step = NextStep(ref rest);
            if (StepInto(json, step) is not { } next)
            {
                return (null, Describe(json, step));
            }

            json = next;
        }

        return (json, null);
    }

    private static ReadOnlySpan<char> NextStep(ref ReadOnlySpan<char> rest)
    {
        var isIndex = rest[0] == '[';
        var end = isIndex ? rest.IndexOf(']') : rest.IndexOfAny('.', '[');
        var step =
            end < 0 ? rest
            : isIndex ? rest[1..end]
            : rest[..end];
        rest =
            end < 0 ? default
            : isIndex ? rest[(end + 1)..]
            : rest[end..];
        if (!rest.IsEmpty && rest[0] == '.')
        {
            rest = rest[1..];
        }

        return step;
    }

    private static JsonElement? StepInto(JsonElement json, ReadOnlySpan<char> step) =>
        json.ValueKind switch
        {
            JsonValueKind.Object when json.TryGetProperty(step, out var member) => member,
            JsonValueKind.Array
                when int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out var at)
                    && at < json.GetArrayLength() => json[at],
            _ => null,
        };

    private static string Describe(JsonElement json, ReadOnlySpan<char> step) =>
        json.ValueKind switch
        {
            JsonValueKind.Object => $"there is no member \"{step}\"",
            JsonValueKind.Array => $"the list of {json.GetArrayLength()} has no item {step}",
            _ => $"\"{step}\" is asked of a value that is neither an object nor a list",
        };
}
