namespace Pollard.Tasks.Dispatch;

/// <summary>When a class of work comes on a host: the tasks of the host's own owner first, then what has waited too long, then what needs no other model loaded, then whoever had least.</summary>
/// <param name="Stage">0 to 3, the least first.</param>
/// <param name="Turn">Among those of the same stage.</param>
internal readonly record struct HostTurn(int Stage, Turn Turn)
{
    // A model that hosts pass over for the one that they have loaded gets one after so long, or twice the time that loading takes:
    // then at least half of the time is work.
    private static readonly TimeSpan PassedOverMost = TimeSpan.FromSeconds(30);

    /// <summary>After all others.</summary>
    public static HostTurn Never { get; } = new(4, Turn.Never);

    public static HostTurn Of(WorkClass work, DispatchHost host, in Turn turn) =>
        new(
            !turn.IsForeign ? 0
                : !host.Loaded.WouldSwapFor(host.Classes[work].Model) ? 2
                : IsPassedOver(work, host) ? 1
                : 3,
            turn
        );

    public bool IsBefore(in HostTurn other) => Stage != other.Stage ? Stage < other.Stage : Turn.IsBefore(other.Turn);

    private static bool IsPassedOver(WorkClass work, DispatchHost host)
    {
        var twice = HostChoice.LoadTime(work, host) * 2;
        return work.Queue.UnservedFor > (twice > PassedOverMost ? twice : PassedOverMost);
    }
}
