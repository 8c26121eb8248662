using System.Runtime.CompilerServices;
using System.Text.Json;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>What an update of a chat says.</summary>
public enum ChatUpdateKind
{
    /// <summary>A piece of the answer.</summary>
    Text,

    /// <summary>A piece of what the model thinks before it answers.</summary>
    Reasoning,

    /// <summary>A piece of why the model does not answer.</summary>
    Refusal,

    /// <summary>What the host is at, in words for people.</summary>
    Phase,

    /// <summary>All pieces before this one are void: the host was lost and another begins anew. The text says why.</summary>
    Restarted,
}

/// <summary>A step of a chat on its way.</summary>
/// <param name="Kind">What it says.</param>
/// <param name="Text">The piece, or the words.</param>
/// <param name="Seq">The number of its event; who reads on after it passes it to <see cref="PollardTask.StreamAsync"/>.</param>
/// <param name="Choice">Which of several answers.</param>
public sealed record ChatUpdate(ChatUpdateKind Kind, string Text, long Seq, int Choice = 0)
{
    internal static async IAsyncEnumerable<ChatUpdate> ReadAsync(
        TasksClient tasks,
        string id,
        long after,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var last = "";
        var wrote = false;
        var reason = "";
        await foreach (var happened in tasks.EventsAsync(id, after, ct).ConfigureAwait(false))
        {
            last = happened.Type;
            if (happened.Type == "lost")
            {
                reason = TextOf(happened.Data, "message") ?? "";
            }
            else if (happened.Type is "redispatched" or "retried" && (wrote || after >= 0))
            {
                wrote = false;
                yield return new ChatUpdate(ChatUpdateKind.Restarted, reason, happened.Seq);
            }
            else if (Of(happened) is { } update)
            {
                wrote |= update.Kind != ChatUpdateKind.Phase;
                yield return update;
            }
        }

        // Only the last end counts: a task that was started over has more than one.
        if (
            last is not "completed"
            && await tasks.GetAsync(id, ct).ConfigureAwait(false) is { State: not "completed" } task
        )
        {
            throw Results.Failure(task);
        }
    }

    private static ChatUpdate? Of(TaskEventDocument happened) =>
        happened switch
        {
            { Type: "delta", Text: { Length: > 0 } text, Kind: var kind, Choice: var choice } => KindOf(kind) is { } of
                ? new ChatUpdate(of, text, happened.Seq, choice ?? 0)
                : null,
            { Type: "phase", Data: var data } => new ChatUpdate(
                ChatUpdateKind.Phase,
                TextOf(data, "message") ?? TextOf(data, "phase") ?? "",
                happened.Seq
            ),
            _ => null,
        };

    private static ChatUpdateKind? KindOf(string? delta) =>
        delta switch
        {
            "content" => ChatUpdateKind.Text,
            "reasoning" => ChatUpdateKind.Reasoning,
            "refusal" => ChatUpdateKind.Refusal,
            _ => null, // Fragments of tool calls and the like; the result has them whole.
        };

    internal static string? TextOf(JsonElement? data, string name) =>
        data is { ValueKind: JsonValueKind.Object } json
        && json.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : null;
}
