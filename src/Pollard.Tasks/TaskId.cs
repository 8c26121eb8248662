namespace Pollard.Tasks;

/// <summary>A task's number inside: grows with time, so that newer tasks sort behind older ones. Clients see <see cref="TaskIdCodec"/>'s form.</summary>
/// <param name="Value">63 bits: 42 of milliseconds since 2020, 21 of a counter within the millisecond.</param>
public readonly record struct TaskId(long Value) : IComparable<TaskId>
{
    /// <inheritdoc/>
    public int CompareTo(TaskId other) => Value.CompareTo(other.Value);

    /// <summary>For logs inside; never shown to clients.</summary>
    public override string ToString() => $"#{Value}";

    /// <summary>True when <paramref name="left"/> is the older.</summary>
    public static bool operator <(TaskId left, TaskId right) => left.Value < right.Value;

    /// <summary>True when <paramref name="left"/> is the newer.</summary>
    public static bool operator >(TaskId left, TaskId right) => left.Value > right.Value;

    /// <summary>True when <paramref name="left"/> is not the newer.</summary>
    public static bool operator <=(TaskId left, TaskId right) => left.Value <= right.Value;

    /// <summary>True when <paramref name="left"/> is not the older.</summary>
    public static bool operator >=(TaskId left, TaskId right) => left.Value >= right.Value;
}

/// <summary>Makes ids that grow, also when the clock steps back.</summary>
internal sealed class TaskIdSource(TimeProvider time, TaskId newest)
{
    private const int CounterBits = 21;
    private static readonly DateTimeOffset Start = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private long _last = newest.Value;

    public TaskId Next()
    {
        while (true)
        {
            var last = Volatile.Read(ref _last);
            var next = Math.Max(last + 1, (long)(time.GetUtcNow() - Start).TotalMilliseconds << CounterBits);
            if (Interlocked.CompareExchange(ref _last, next, last) == last)
            {
                return new TaskId(next);
            }
        }
    }
}
