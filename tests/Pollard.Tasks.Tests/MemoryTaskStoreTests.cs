using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Tasks.Tests;

public sealed class MemoryTaskStoreContract : TaskStoreQueriesContract
{
    protected override ITaskStore Make() => new MemoryTaskStore(Time);

    protected override ValueTask<ITaskStore> RestartAsync(ITaskStore store) => new(((MemoryTaskStore)store).Crash());
}

public sealed class MemoryTaskStoreTests : IAsyncDisposable
{
    private readonly MemoryTaskStore _store = new(TimeProvider.System, MemoryCommits.ByHand);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task A_write_is_done_only_when_it_is_committed()
    {
        var first = StoreSamples.Insert(StoreSamples.Pending(1));
        var second = StoreSamples.Insert(StoreSamples.Pending(2));
        _store.Enqueue(first, second);

        Assert.Equal(2, _store.Backlog);
        Assert.Equal(1, _store.CommitPending(1));

        Assert.Equal(StoreOutcome.Committed, await first.Done);
        Assert.False(second.Done.IsCompleted);
        Assert.Null(await _store.FindAsync(new TaskId(2), Token));
    }

    [Fact]
    public async Task A_crash_keeps_what_was_committed_and_loses_the_rest()
    {
        _store.Enqueue(StoreSamples.Insert(StoreSamples.Pending(1), "in"));
        _store.CommitPending();
        var lost = StoreSamples.Insert(StoreSamples.Pending(2));
        _store.Enqueue(lost);

        var after = _store.Crash();
        _store.Enqueue(StoreSamples.Insert(StoreSamples.Pending(3)));
        _store.CommitPending();

        Assert.Equal(0, after.CommitPending());
        Assert.NotNull(await after.FindAsync(new TaskId(1), Token));
        Assert.Null(await after.FindAsync(new TaskId(2), Token));
        Assert.Null(await after.FindAsync(new TaskId(3), Token));
        Assert.False(lost.Done.IsCompleted);
    }

    [Fact]
    public async Task A_store_that_fails_says_so_and_goes_on_when_it_is_mended()
    {
        _store.FailWrites("full");
        var failed = StoreSamples.Insert(StoreSamples.Pending(1));
        _store.Enqueue(failed);
        _store.CommitPending();
        Assert.Equal(new StoreHealth(StoreFault.DiskFull, "full"), _store.Health);

        _store.FailWrites(null);
        var good = StoreSamples.Insert(StoreSamples.Pending(1));
        _store.Enqueue(good);
        _store.CommitPending();

        Assert.Equal(StoreOutcome.Failed, await failed.Done);
        Assert.Equal(StoreOutcome.Committed, await good.Done);
    }
}
