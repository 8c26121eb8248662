using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Tasks.Dispatch;

/// <summary>An answer that was cut, and how a host is to go on with it.</summary>
internal sealed record CutAnswer
{
    /// <summary>How much longer than the host that was lost a task waits for one that can go on with its answer.</summary>
    public static readonly TimeSpan WaitsFor = TimeSpan.FromSeconds(20);

    /// <summary>The event of the answer's first piece.</summary>
    public required int FirstEvent { get; init; }

    /// <summary>What the pieces are so far.</summary>
    public required AnswerShape Shape { get; init; }

    /// <summary>Digest of the weights that have written it; null where the host does not say, or others have a part in it.</summary>
    public string? Digest { get; init; }

    /// <summary>One of the ways, and only one.</summary>
    public Continuations Mode { get; init; }

    /// <summary>What the host must have that goes on with it.</summary>
    public TaskRequirements? Requires { get; init; }

    /// <summary>When it is given up that there is such a host, on the monotonic clock.</summary>
    public long WaitsUntil { get; init; }

    /// <summary>The way by its name on the wire, which is also the name of the capability.</summary>
    public string Word => WordOf(Mode);

    /// <summary>The way with this name.</summary>
    public static Continuations ModeOf(string? word) =>
        word == ModelInfo.Replay ? Continuations.Replay : Continuations.Prefill;

    /// <summary>What a host must have to go on with an answer this way, and else for the task.</summary>
    public static TaskRequirements Widen(TaskRequirements? requires, Continuations mode, string? digest)
    {
        List<string> features = [.. requires?.Features ?? [], WordOf(mode)];
        if (mode == Continuations.Replay)
        {
            features.Add(ModelInfo.DigestPrefix + digest); // Other weights say something else.
        }

        return (requires ?? new TaskRequirements()) with
        {
            Features = features,
        };
    }

    /// <summary>What the host is told.</summary>
    /// <param name="events">The log's events from <see cref="FirstEvent"/> on.</param>
    public Messages.Continue Tell(List<TaskEvent> events) =>
        new()
        {
            Mode = Word,
            Text = TextOf(events, DeltaKind.Content),
            Reasoning = TextOf(events, DeltaKind.Reasoning) is { Length: > 0 } thoughts ? thoughts : null,
            Tokens = Shape.Tokens,
        };

    /// <summary>The answer that a log from before a restart holds, up to this event: its first host began it, and others may have gone on.</summary>
    public static CutAnswer Read(TaskLog log, int to)
    {
        var first = to;
        while (first > log.First && log[first - 1].Type != TaskEventType.Leased)
        {
            first--;
        }

        var shape = new AnswerShape();
        for (var i = first; i < to; i++)
        {
            if (log[i] is { Type: TaskEventType.Delta } piece)
            {
                shape.Add(piece.Kind, piece.Choice, piece.Data.Length, tokens: 0);
            }
        }

        return new CutAnswer { FirstEvent = first, Shape = shape };
    }

    /// <summary>True when the last piece since this event ends within a character, whose rest died with its host.</summary>
    public static bool EndsWithinCharacter(TaskLog log, int from)
    {
        for (var i = log.Count - 1; i >= from; i--)
        {
            if (log[i].Type == TaskEventType.Delta)
            {
                return EndsWithinCharacter(log[i].Data.Span);
            }
        }

        return false;
    }

    private static bool EndsWithinCharacter(ReadOnlySpan<byte> piece)
    {
        var back = 1;
        while (back <= piece.Length && (piece[^back] & 0xC0) == 0x80)
        {
            back++;
        }

        return back <= piece.Length
            && piece[^back] switch
            {
                < 0x80 => back > 1,
                < 0xE0 => back != 2,
                < 0xF0 => back != 3,
                _ => back != 4,
            };
    }

    private static string WordOf(Continuations mode) =>
        mode == Continuations.Replay ? ModelInfo.Replay : ModelInfo.Prefill;

    private static string TextOf(List<TaskEvent> events, DeltaKind kind)
    {
        var text = new MemoryStream();
        foreach (var item in events)
        {
            if (item.Type == TaskEventType.Delta && item.Kind == kind)
            {
                text.Write(item.Data.Span);
            }
        }

        return System.Text.Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
    }
}
