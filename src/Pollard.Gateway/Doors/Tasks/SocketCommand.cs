using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>What the client of a socket wants: <c>{"subscribe":["task_..."],"after":{"task_...":7},"unsubscribe":["task_..."]}</c>.</summary>
internal sealed record SocketCommand(
    IReadOnlyList<string> Subscribe,
    IReadOnlyDictionary<string, int> After,
    IReadOnlyList<string> Unsubscribe
)
{
    /// <summary>Reads a message; null when it makes no sense.</summary>
    public static SocketCommand? Read(ReadOnlyMemory<byte> message, out string wrong)
    {
        wrong = "";
        try
        {
            using var json = JsonDocument.Parse(message);
            var root = json.RootElement;
            if (
                root.ValueKind == JsonValueKind.Object
                && TryNames(root, "subscribe", out var subscribe)
                && TryNames(root, "unsubscribe", out var unsubscribe)
                && TryNumbers(root, out var after)
                && subscribe.Count + unsubscribe.Count > 0
            )
            {
                return new SocketCommand(subscribe, after, unsubscribe);
            }

            wrong = """say {"subscribe":["task_..."],"after":{"task_...":7}} or {"unsubscribe":["task_..."]}""";
        }
        catch (JsonException e)
        {
            wrong = "the message is no JSON: " + DoorError.Quote(e.Message);
        }

        return null;
    }

    private static bool TryNames(JsonElement root, string member, out List<string> names)
    {
        names = [];
        if (!root.TryGetProperty(member, out var list))
        {
            return true;
        }

        if (
            list.ValueKind != JsonValueKind.Array
            || list.EnumerateArray().Any(static item => item.ValueKind != JsonValueKind.String)
        )
        {
            return false;
        }

        names.AddRange(list.EnumerateArray().Select(static item => item.GetString()!));
        return true;
    }

    private static bool TryNumbers(JsonElement root, [NotNullWhen(true)] out Dictionary<string, int>? after)
    {
        after = new(StringComparer.Ordinal);
        if (!root.TryGetProperty("after", out var numbers))
        {
            return true;
        }

        if (numbers.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        foreach (var member in numbers.EnumerateObject())
        {
            if (
                member.Value.ValueKind != JsonValueKind.Number
                || !member.Value.TryGetInt32(out var number)
                || number < -1
            )
            {
                return false;
            }

            after[member.Name] = number;
        }

        return true;
    }
}
