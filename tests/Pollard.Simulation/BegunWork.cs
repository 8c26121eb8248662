using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Simulation;

/// <summary>
/// What hosts have begun and can go on with. For 20 seconds from the moment at which the gateway gave such an attempt up, no other
/// host is offered its task, but for its last try.
/// </summary>
internal sealed class BegunWork(Func<Attempt, bool> canGoOn, TimeProvider time)
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);
    private readonly Dictionary<TaskId, Begun> _begun = [];
    private long _lookedAt = time.GetTimestamp();

    /// <summary>How often a host was offered what it had begun.</summary>
    public int CameBack { get; private set; }

    /// <summary>The gateway offers a task to a host.</summary>
    public void NoteOffer(Attempt attempt)
    {
        if (!_begun.TryGetValue(attempt.TaskId, out var begun))
        {
            _begun.Add(attempt.TaskId, begun = new Begun());
        }

        begun.Look(_lookedAt);
        if (
            begun is { Last: { } last }
            && canGoOn(last)
            && attempt.Task.Row is { } row
            && row.Attempt < row.MaxAttempts // The last try, after a failure, is anybody's.
            && attempt.Task.Row.ValidationAttempts == begun.Answers // Else it was done, and this is another question.
            && time.GetElapsedTime(begun.LostAt) < Grace
        )
        {
            Assert.True(
                last.HostId == attempt.HostId,
                $"{attempt.TaskId} was begun by {last.HostId} and went to {attempt.HostId} within the time that it is kept."
            );
            CameBack++;
        }

        begun.Newest = attempt;
    }

    /// <summary>Looks what became of all of them; after every step.</summary>
    public void Look()
    {
        foreach (var begun in _begun.Values)
        {
            begun.Look(_lookedAt);
        }

        _lookedAt = time.GetTimestamp();
    }

    /// <summary>The gateway died: the attempts are another's.</summary>
    public void Forget() => _begun.Clear();

    private sealed class Begun
    {
        /// <summary>The attempt that was made last.</summary>
        public Attempt? Newest { get; set; }

        /// <summary>The last one that its host has taken.</summary>
        public Attempt? Last { get; private set; }

        /// <summary>A moment before it was given up and after which it was not yet seen to be.</summary>
        public long LostAt { get; private set; }

        /// <summary>The answers that there were before it.</summary>
        public int Answers { get; private set; }

        public void Look(long lookedAt)
        {
            Newest = Newest?.Task.Attempt ?? Newest; // Also one that was adopted.
            if (Newest is { IsAccepted: true } newest && (newest.IsOpen || !ReferenceEquals(newest, Last)))
            {
                Answers = ReferenceEquals(newest, Last) ? Answers : newest.Task.Row.ValidationAttempts;
                Last = newest;
                LostAt = lookedAt;
            }
        }
    }
}
