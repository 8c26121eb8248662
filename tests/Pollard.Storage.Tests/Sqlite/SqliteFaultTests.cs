using Microsoft.Extensions.Time.Testing;
using Pollard.Storage.Sqlite;
using Pollard.Tasks;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Storage.Tests.Sqlite;

/// <summary>Files that fail: whatever happens, the store is right or says that it is not.</summary>
public sealed class SqliteFaultTests
{
    private const int MostOperations = 400;

    private static CancellationToken Token => TestStore.Token;

    public static TheoryData<string, int, bool> Faults()
    {
        var data = new TheoryData<string, int, bool>();
        foreach (var sticky in new[] { false, true })
        {
            data.Add(nameof(VfsOperation.Write), SqliteNative.IoErrorWrite, sticky);
            data.Add(nameof(VfsOperation.Write), SqliteNative.Full, sticky);
            data.Add(nameof(VfsOperation.Sync), SqliteNative.IoErrorFsync, sticky);
            data.Add(nameof(VfsOperation.Truncate), SqliteNative.IoErrorTruncate, sticky);
            data.Add(nameof(VfsOperation.Read), SqliteNative.IoErrorRead, sticky);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Whichever_operation_fails_nothing_acknowledged_is_lost(string operation, int code, bool sticky)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The file layer is for Linux.");
        var kind = Enum.Parse<VfsOperation>(operation);
        var step = 1;
        for (var nth = 1; nth < MostOperations; nth += step)
        {
            using var folder = new TempFolder();
            if (!await OneFaultAsync(folder, kind, nth, code, sticky))
            {
                Assert.True(nth > 1, "Nothing failed.");
                return; // It was never reached: all have been tried.
            }

            step = 1 + (nth / 12); // The first are the start and the first commits; later ones repeat.
        }
    }

    [Fact]
    public async Task A_lost_sync_breaks_the_store_until_it_is_started_anew()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The file layer is for Linux.");
        using var folder = new TempFolder();
        var faults = new VfsFaults();
        var time = new FakeTimeProvider();
        await using (var store = await TestStore.OpenAsync(TestStore.Options(folder) with { Faults = faults }, time))
        {
            await store.LifeAsync(1);
            faults.Arm(VfsOperation.Sync, 1, SqliteNative.IoErrorFsync, sticky: false);

            var (submitted, _) = await store.LifeAsync(2);
            time.Advance(TimeSpan.FromMinutes(1));
            var (later, _) = await store.LifeAsync(3);

            Assert.Equal((StoreOutcome.Failed, StoreOutcome.Failed), (submitted, later));
            Assert.False(store.Health.Writable);
            Assert.Contains("fsync failed", store.Health.Reason, StringComparison.Ordinal);
            Assert.Equal(1, faults.Hits);
            await store.CheckAsync(new HashSet<long> { 1 }, new HashSet<long> { 1 });
        }

        await using var again = await TestStore.OpenAsync(TestStore.Options(folder), time);
        await again.CheckAsync(new HashSet<long> { 1 }, new HashSet<long> { 1 });
        Assert.Equal(StoreOutcome.Committed, (await again.LifeAsync(4)).Completed);
    }

    [Fact]
    public async Task A_full_disk_stops_writes_and_lets_the_ballast_go_until_there_is_room()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The file layer is for Linux.");
        using var folder = new TempFolder();
        var free = 1L << 30;
        var faults = new VfsFaults();
        var time = new FakeTimeProvider();
        var options = TestStore.Options(folder) with
        {
            Faults = faults,
            BallastBytes = 1 << 20,
            FreeBytes = () => Volatile.Read(ref free),
        };
        await using var store = await TestStore.OpenAsync(options, time);
        Assert.Equal(1 << 20, new FileInfo(options.BallastPath).Length);
        Volatile.Write(ref free, 0);
        faults.Arm(VfsOperation.Write, 1, SqliteNative.Full, sticky: true);

        Assert.Equal(StoreOutcome.Failed, (await store.LifeAsync(1)).Submitted);

        Assert.False(store.Health.Writable);
        Assert.Contains($"The disk of {folder.Path} is full", store.Health.Reason, StringComparison.Ordinal);
        Assert.False(File.Exists(options.BallastPath));
        var hits = faults.Hits;
        Assert.Equal(StoreOutcome.Failed, (await store.LifeAsync(1)).Submitted);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(StoreOutcome.Failed, (await store.LifeAsync(1)).Submitted);
        Assert.Equal(hits, faults.Hits); // It does not even try while there is no room.

        faults.Disarm();
        Volatile.Write(ref free, 1L << 30);
        await UntilWritableAsync(store, time);

        Assert.Equal(StoreOutcome.Committed, (await store.LifeAsync(1)).Completed);
        Assert.True(File.Exists(options.BallastPath));
        Assert.Null(store.Health.Reason);
    }

    [Fact]
    public async Task With_little_space_left_no_new_tasks_are_taken_but_those_here_end()
    {
        using var folder = new TempFolder();
        var free = 100L << 20;
        var time = new FakeTimeProvider();
        await using var store = await TestStore.OpenAsync(
            TestStore.Options(folder) with
            {
                MinFreeBytes = 50 << 20,
                FreeBytes = () => Volatile.Read(ref free),
            },
            time
        );
        var row = StoreSamples.Pending(1);
        await store.WriteAsync(StoreSamples.Insert(row));
        Volatile.Write(ref free, 40L << 20);
        time.Advance(TimeSpan.FromSeconds(3));

        var refused = await store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(2)));
        var ended = await store.WriteAsync(StoreSamples.Change(row.Next(TaskState.Completed), "r"));

        Assert.Equal(StoreOutcome.Failed, refused);
        Assert.Equal(StoreOutcome.Committed, ended);
        Assert.Contains("free 10 MB", store.Health.Reason, StringComparison.Ordinal);
        Volatile.Write(ref free, 100L << 20);
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.True(store.Health.Writable);
        Assert.Equal(StoreOutcome.Committed, (await store.LifeAsync(2)).Completed);
    }

    /// <summary>A trial is made when the clock says so; a write behind it waits for its end.</summary>
    internal static async Task UntilWritableAsync(ITaskStore store, FakeTimeProvider time)
    {
        for (var i = 0; i < 1_000 && !store.Health.Writable; i++)
        {
            time.Advance(TimeSpan.FromSeconds(3));
            await store.WriteAsync(StoreSamples.Change(StoreSamples.Pending(1L << 40).Next(TaskState.Running)));
        }

        Assert.True(store.Health.Writable, store.Health.Reason);
    }

    /// <returns>False when the fault was never reached.</returns>
    private static async Task<bool> OneFaultAsync(
        TempFolder folder,
        VfsOperation operation,
        int nth,
        int code,
        bool sticky
    )
    {
        var faults = new VfsFaults();
        var submitted = new HashSet<long>();
        var completed = new HashSet<long>();
        faults.Arm(operation, nth, code, sticky);
        try
        {
            await using var store = await TestStore.OpenAsync(
                TestStore.Options(folder) with
                {
                    Faults = faults,
                    CheckpointBytes = 32 * 1024,
                    RestartBytes = 64 * 1024,
                }
            );
            for (var id = 1; id <= 12; id++)
            {
                await LifeAsync(store, id, submitted, completed);
            }
        }
        catch (StoreException)
        {
            // Loud is right: it could not be opened, or read.
        }

        faults.Disarm();
        await using var again = await TestStore.OpenAsync(TestStore.Options(folder));
        await again.CheckAsync(submitted, completed);
        Assert.Equal("ok", TestStore.Integrity(TestStore.Options(folder)));
        return faults.Hits > 0;
    }

    private static async Task LifeAsync(
        SqliteTaskStore store,
        long id,
        HashSet<long> submitted,
        HashSet<long> completed
    )
    {
        var (first, last) = await store.LifeAsync(id);
        if (first == StoreOutcome.Committed)
        {
            submitted.Add(id);
            if (last == StoreOutcome.Committed)
            {
                completed.Add(id);
            }

            await store.FindAsync(new TaskId(id), Token);
        }
    }
}
