using Pollard.Storage.Sqlite;
using Pollard.Tasks;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Storage.Tests.Sqlite;

public sealed class SqliteTaskStoreTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Token => TestStore.Token;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_second_process_is_told_that_the_directory_is_in_use()
    {
        await using var first = await TestStore.OpenAsync(TestStore.Options(_folder));
        await using var second = new SqliteTaskStore(TestStore.Options(_folder), TimeProvider.System);

        var error = await Assert.ThrowsAsync<StoreException>(() => second.OpenAsync(Token));

        Assert.Contains("in use by another process", error.Message, StringComparison.Ordinal);
        Assert.Equal(StoreOutcome.Committed, await first.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(1))));
    }

    [Fact]
    public async Task A_store_that_failed_to_open_closes_once_and_lets_the_directory_go()
    {
        var options = TestStore.Options(_folder) with { Readers = -1 }; // The last thing to be made.
        var failed = new SqliteTaskStore(options, TimeProvider.System);
        await Assert.ThrowsAnyAsync<ArgumentException>(() => failed.OpenAsync(Token));
        await using var store = await TestStore.OpenAsync(TestStore.Options(_folder));

        await failed.DisposeAsync();

        Assert.Equal(StoreOutcome.Committed, (await store.LifeAsync(1)).Completed);
        await using var second = new SqliteTaskStore(TestStore.Options(_folder), TimeProvider.System);
        await Assert.ThrowsAsync<StoreException>(() => second.OpenAsync(Token));
    }

    [Fact]
    public async Task A_purged_task_leaves_no_label_behind()
    {
        await using (var store = await TestStore.OpenAsync(TestStore.Options(_folder)))
        {
            var row = StoreSamples.Pending(1) with { Requires = new() { Labels = ["gpu", "käse"] } };
            await store.WriteAsync(StoreSamples.Insert(row));
            await store.WriteAsync(StoreSamples.Insert(row with { Id = new TaskId(2) }));
            await store.WriteAsync(StoreSamples.Change(row.Next(TaskState.Completed)));
            Assert.Equal(1, await store.PurgeAsync(StoreSamples.Start.AddDays(1), TimeSpan.Zero, 10, Token));
        }

        using var connection = new SqliteConnection(TestStore.Options(_folder).DatabasePath, readOnly: false, null);
        Assert.Equal(2, connection.QueryInteger("SELECT count(*) FROM task_label"));
        Assert.Equal(2, connection.QueryInteger("SELECT min(task) FROM task_label"));
    }

    [Fact]
    public async Task Programs_that_read_the_file_of_other_task_servers_find_their_columns()
    {
        await using (var store = await TestStore.OpenAsync(TestStore.Options(_folder)))
        {
            var row = StoreSamples.Pending(1) with { Name = "8f14e45f-ceea-467f-9f3e-0d1f2a3b4c5d" };
            await store.WriteAsync(StoreSamples.Insert(row, request: """{"messages":[]}"""));
            var done = row.Next(TaskState.Completed) with { ValidationAttempts = 3 };
            await store.WriteAsync(StoreSamples.Change(done, result: """{"choices":[]}"""));
            await store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(2) with { State = TaskState.Running }));
            await store.WriteAsync(
                StoreSamples.Insert(
                    StoreSamples.Pending(3) with
                    {
                        State = TaskState.Failed,
                        EndedAt = StoreSamples.Start,
                        Error = new TaskError("e", "it broke"),
                    }
                )
            );
        }

        using var file = new SqliteConnection(TestStore.Options(_folder).DatabasePath, readOnly: true, null);

        Assert.Equal(
            "8f14e45f-ceea-467f-9f3e-0d1f2a3b4c5d completed {\"choices\":[]} 3 {\"messages\":[]} 1767323045.001",
            Text(
                "SELECT task_id||' '||status||' '||result||' '||validation_attempts||' '||llm_config||' '||created_at FROM tasks WHERE status = 'completed'"
            )
        );
        Assert.Equal(
            "running {\"stage\":\"running\"}",
            Text("SELECT status||' '||progress FROM tasks WHERE status = 'running'")
        );
        Assert.Equal(
            "it broke 2026-01-02T03:04:05.000",
            Text("SELECT error||' '||end_time FROM tasks WHERE status = 'failed'")
        );

        string Text(string sql)
        {
            using var statement = file.Prepare(sql);
            Assert.True(statement.Step());
            return statement.Text(0);
        }
    }

    [Fact]
    public async Task Writes_handed_over_together_are_one_commit_however_many()
    {
        await using var store = await TestStore.OpenAsync(TestStore.Options(_folder) with { MaxCommitWrites = 10 });
        var writes = Enumerable.Range(1, 25).Select(id => StoreSamples.Insert(StoreSamples.Pending(id))).ToArray();

        store.Enqueue(writes);
        foreach (var write in writes)
        {
            await write.Done;
        }

        Assert.Equal(1, store.Commits);
    }

    [Fact]
    public async Task Writes_that_nobody_waits_for_go_with_the_next_that_somebody_waits_for()
    {
        await using var store = await TestStore.OpenAsync(Lingering(TimeSpan.FromHours(1)));
        var lingering = Enumerable.Range(1, 3).Select(LingeringInsert).ToArray();

        foreach (var write in lingering)
        {
            store.Enqueue(write);
        }

        Assert.Equal(StoreOutcome.Committed, await store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(4))));
        Assert.All(lingering, write => Assert.True(write.Done.IsCompleted));
        Assert.Equal(1, store.Commits);
    }

    [Fact]
    public async Task Many_writes_that_nobody_waits_for_do_not_linger()
    {
        await using var store = await TestStore.OpenAsync(Lingering(TimeSpan.FromHours(1)) with { MaxLingering = 3 });

        foreach (var write in Enumerable.Range(1, 2).Select(LingeringInsert))
        {
            store.Enqueue(write);
        }

        Assert.Equal(StoreOutcome.Committed, await store.WriteAsync(LingeringInsert(3)));
    }

    [Fact]
    public async Task A_write_that_nobody_waits_for_is_committed_by_itself()
    {
        await using var store = await TestStore.OpenAsync(Lingering(TimeSpan.FromMilliseconds(1)));

        Assert.Equal(StoreOutcome.Committed, await store.WriteAsync(LingeringInsert(1)));
    }

    [Fact]
    public async Task A_store_that_closes_commits_what_lingers()
    {
        var store = await TestStore.OpenAsync(Lingering(TimeSpan.FromHours(1)));
        store.Enqueue(LingeringInsert(1));
        await store.DisposeAsync();

        await using var again = await TestStore.OpenAsync(TestStore.Options(_folder));

        Assert.NotNull(await again.FindAsync(new TaskId(1), Token));
    }

    [Fact]
    public async Task Commits_are_synced_by_fdatasync_where_the_system_has_it()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has it.");
        await using var store = await TestStore.OpenAsync(TestStore.Options(_folder));
        var before = VfsFile.DataSyncs;

        await store.LifeAsync(1);

        Assert.InRange(VfsFile.DataSyncs - before, 3, long.MaxValue);
    }

    [Fact]
    public async Task A_closed_store_has_its_log_in_the_database_and_refuses_writes()
    {
        var store = await TestStore.OpenAsync(TestStore.Options(_folder));
        await store.LifeAsync(1);

        await store.DisposeAsync();

        Assert.False(File.Exists(TestStore.Options(_folder).LogPath));
        Assert.Equal("ok", TestStore.Integrity(TestStore.Options(_folder)));
        Assert.Equal(StoreOutcome.Failed, await store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(2))));
        await Assert.ThrowsAsync<StoreException>(() => store.FindAsync(new TaskId(1), Token).AsTask());
        await Assert.ThrowsAsync<StoreException>(() => store.PutRecordAsync("a", "b", default, Token).AsTask());
    }

    [Fact]
    public async Task The_log_begins_anew_before_it_grows_without_bound()
    {
        var options = TestStore.Options(_folder) with { CheckpointBytes = 64 * 1024, RestartBytes = 256 * 1024 };
        await using var store = await TestStore.OpenAsync(options);
        var body = new string('x', 16_000);

        for (var id = 1; id <= 500; id++)
        {
            await store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(id), body));
        }

        // 8 MB were written.
        Assert.InRange(new FileInfo(options.LogPath).Length, 1, 3 * 1024 * 1024);
    }

    [Fact]
    public async Task A_purge_gives_most_of_the_space_back_to_the_disk()
    {
        var options = TestStore.Options(_folder);
        var body = new string('x', 100_000);
        await using (var store = await TestStore.OpenAsync(options))
        {
            for (var id = 1; id <= 100; id++)
            {
                var row = StoreSamples.Pending(id) with { State = TaskState.Failed, EndedAt = StoreSamples.Start };
                await store.WriteAsync(StoreSamples.Insert(row, body));
            }

            var last = StoreSamples.Start.AddDays(1);
            Assert.Equal(90, await store.PurgeAsync(last, TimeSpan.Zero, 90, Token));
            for (var i = 0; i < 10; i++)
            {
                await store.PurgeAsync(StoreSamples.Start, TimeSpan.FromDays(1), 1, Token);
            }
        }

        Assert.InRange(new FileInfo(options.DatabasePath).Length, 1, 5_000_000);
    }

    [Fact]
    public async Task A_cancelled_purge_deletes_nothing()
    {
        await using var store = await TestStore.OpenAsync(TestStore.Options(_folder));
        await store.LifeAsync(1);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            store
                .PurgeAsync(StoreSamples.Start.AddYears(9), TimeSpan.Zero, 10, new CancellationToken(canceled: true))
                .AsTask()
        );

        Assert.NotNull(await store.FindAsync(new TaskId(1), Token));
    }

    [Fact]
    public async Task Many_tasks_of_many_threads_are_all_there()
    {
        await using var store = await TestStore.OpenAsync(TestStore.Options(_folder));

        await Task.WhenAll(
            Enumerable
                .Range(0, 16)
                .Select(lane =>
                    Task.Run(
                        async () =>
                        {
                            for (var i = 1; i <= 50; i++)
                            {
                                Assert.Equal(
                                    (StoreOutcome.Committed, StoreOutcome.Committed),
                                    await store.LifeAsync((lane * 1_000) + i)
                                );
                            }
                        },
                        Token
                    )
                )
        );

        var all = Enumerable
            .Range(0, 16)
            .SelectMany(lane => Enumerable.Range(1, 50).Select(i => (lane * 1_000L) + i))
            .ToHashSet();
        await store.CheckAsync(all, all);
        Assert.Equal(0, store.Backlog);
    }

    private static StoreWrite LingeringInsert(int id)
    {
        var row = StoreSamples.Pending(id);
        return new StoreWrite
        {
            Id = row.Id,
            Row = row,
            MayLinger = true,
        };
    }

    private SqliteStoreOptions Lingering(TimeSpan linger) => TestStore.Options(_folder) with { Linger = linger };
}
