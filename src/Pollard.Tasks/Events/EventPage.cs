using System.Runtime.InteropServices;

namespace Pollard.Tasks.Events;

/// <summary>How much of a log one read returns, the same in every store.</summary>
internal static class EventPage
{
    /// <summary>What one event counts beside its data.</summary>
    public const int EventBytes = 16;

    /// <summary>The first events up to <paramref name="maxBytes"/>, and at least one where there is one.</summary>
    public static IReadOnlyList<TaskEvent> Cut(List<TaskEvent> events, int maxBytes)
    {
        var bytes = 0L;
        for (var i = 0; i < events.Count; i++)
        {
            bytes += EventBytes + CollectionsMarshal.AsSpan(events)[i].Data.Length;
            if (bytes > maxBytes && i > 0)
            {
                events.RemoveRange(i, events.Count - i);
                break;
            }
        }

        return events;
    }
}
