using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>Makes of a task's events how far it is. The text of an answer grows word by word: ten looks at it a second are enough.</summary>
internal static class ProgressReader
{
    private const int PartialCharacters = 64 * 1024;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);

    public static async IAsyncEnumerable<TaskProgress> ReadAsync(
        IAsyncEnumerable<TaskEventDocument> events,
        TimeProvider time,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var text = new StringBuilder();
        var progress = new TaskProgress(null, null, null, null);
        var shown = long.MinValue;
        await foreach (var happened in events.WithCancellation(ct).ConfigureAwait(false))
        {
            switch (happened.Type)
            {
                case "delta" when happened is { Kind: "content", Choice: null or 0 }:
                    text.Append(happened.Text);
                    break;
                case "phase" when happened.Data is { } data:
                    progress = new(
                        NumberOf(data, "percent"),
                        ChatUpdate.TextOf(data, "phase"),
                        ChatUpdate.TextOf(data, "message"),
                        null
                    );
                    break;
                case "leased":
                    progress = new(null, "leased", $"{ChatUpdate.TextOf(happened.Data, "host")} has it.", null);
                    break;
                case "interrupted":
                    progress = new(null, "interrupted", "Its host was lost; another one is to go on with it.", null);
                    break;
                case "continued":
                    progress = new(
                        null,
                        "continued",
                        $"{ChatUpdate.TextOf(happened.Data, "host")} goes on with it.",
                        null
                    );
                    break;
                case "redispatched" or "retried":
                    text.Clear(); // What the lost host wrote is void.
                    progress = new(null, happened.Type, "It starts over.", null);
                    break;
                default:
                    continue;
            }

            if (happened.Type != "delta" || shown == long.MinValue || time.GetElapsedTime(shown) >= Pace)
            {
                shown = time.GetTimestamp();
                yield return progress with
                {
                    Partial = LastOf(text),
                };
            }
        }

        if (text.Length > 0)
        {
            yield return progress with
            {
                Partial = LastOf(text),
            };
        }
    }

    private static string? LastOf(StringBuilder text)
    {
        var start = Math.Max(0, text.Length - PartialCharacters);
        return text.Length == 0 ? null : text.ToString(start, text.Length - start);
    }

    private static double? NumberOf(JsonElement data, string name) =>
        data.ValueKind == JsonValueKind.Object
        && data.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.Number
            ? value.GetDouble()
            : null;
}
