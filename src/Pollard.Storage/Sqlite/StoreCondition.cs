using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>How far a store takes writes.</summary>
internal enum StoreLevel
{
    /// <summary>All of them.</summary>
    Good,

    /// <summary>No new tasks, so that there is room for the ends of those it has.</summary>
    LowSpace,

    /// <summary>None, until a trial succeeds.</summary>
    Stopped,

    /// <summary>None, until the process starts anew.</summary>
    Broken,
}

/// <summary>The store's health, told by the writer, the checkpointer and the guard of the disk, and read by everybody.</summary>
internal sealed class StoreCondition
{
    private readonly Lock _gate = new();
    private volatile State _state = State.Good;

    public StoreLevel Level => _state.Level;

    public StoreHealth Health => _state.Health;

    /// <summary>True when only freed space can help.</summary>
    public bool IsDiskFull => _state.DiskFull;

    public bool TakesChanges => _state.Level < StoreLevel.Stopped;

    public bool TakesNewTasks => _state.Level == StoreLevel.Good;

    /// <summary>Sets the level by free space; says nothing where something worse is known.</summary>
    /// <returns>True when this changed something.</returns>
    public bool Space(string? low)
    {
        lock (_gate)
        {
            var level = low is null ? StoreLevel.Good : StoreLevel.LowSpace;
            if (_state.Level >= StoreLevel.Stopped || _state.Level == level)
            {
                return false;
            }

            _state = low is null
                ? State.Good
                : new State(level, new StoreHealth(StoreFault.DiskFull, low), DiskFull: false);
            return true;
        }
    }

    public void Stop(string reason, bool diskFull) =>
        Worsen(
            new State(
                StoreLevel.Stopped,
                new StoreHealth(diskFull ? StoreFault.DiskFull : StoreFault.ReadOnly, reason),
                diskFull
            )
        );

    public void Break(string reason) =>
        Worsen(new State(StoreLevel.Broken, new StoreHealth(StoreFault.ReadOnly, reason), DiskFull: false));

    /// <summary>Why a write is not on disk.</summary>
    public StoreException Refusal(string? otherwise = null)
    {
        var health = Health;
        return new StoreException(
            health.Fault ?? StoreFault.ReadOnly,
            health.Reason ?? otherwise ?? "The store takes no writes."
        );
    }

    /// <summary>A trial succeeded.</summary>
    public void Recover()
    {
        lock (_gate)
        {
            if (_state.Level != StoreLevel.Broken)
            {
                _state = State.Good;
            }
        }
    }

    private void Worsen(State state)
    {
        lock (_gate)
        {
            if (state.Level >= _state.Level && _state.Level != StoreLevel.Broken)
            {
                _state = state;
            }
        }
    }

    private sealed record State(StoreLevel Level, StoreHealth Health, bool DiskFull)
    {
        public static readonly State Good = new(StoreLevel.Good, new StoreHealth(null, null), DiskFull: false);
    }
}
