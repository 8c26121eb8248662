using System.Text;
using Pollard.Storage.Sqlite;
using Pollard.Tasks;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Storage.Tests.Sqlite;

public sealed class SqliteDamageTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private SqliteStoreOptions Options => TestStore.Options(_folder);

    private static CancellationToken Token => TestStore.Token;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("request 1")]
    [InlineData("result 1")]
    [InlineData("submitted")]
    public async Task A_flipped_bit_in_a_body_is_noticed_and_harms_nothing_else(string where)
    {
        await MakeAsync();
        Flip(where);

        Assert.Equal("ok", TestStore.Integrity(Options)); // SQLite does not notice.
        await using var store = await TestStore.OpenAsync(Options);
        var error = await Assert.ThrowsAsync<StoreException>(async () =>
        {
            await store.ReadBodyAsync(new TaskId(1), BodyKind.Request, Token);
            await store.ReadBodyAsync(new TaskId(1), BodyKind.Result, Token);
            await store.ReadEventsAsync(new TaskId(1), 0, 100, Token);
        });

        Assert.Contains("damaged", error.Message, StringComparison.Ordinal);
        Assert.NotNull(await store.FindAsync(new TaskId(1), Token));
        await store.CheckAsync(new HashSet<long> { 2 }, new HashSet<long> { 2 });
    }

    [Fact]
    public async Task A_damaged_header_is_said_when_the_store_is_opened()
    {
        await MakeAsync();
        var bytes = await File.ReadAllBytesAsync(Options.DatabasePath, Token);
        bytes.AsSpan(0, 100).Fill(0x5A);
        await File.WriteAllBytesAsync(Options.DatabasePath, bytes, Token);

        var error = await Assert.ThrowsAsync<StoreException>(() => TestStore.OpenAsync(Options));

        Assert.Contains("is damaged", error.Message, StringComparison.Ordinal);
        Assert.Contains(Options.DatabasePath, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Smashed_pages_are_said_and_never_answered_wrong()
    {
        await MakeAsync();
        var good = await File.ReadAllBytesAsync(Options.DatabasePath, Token);
        for (var page = 1; page < good.Length / 4_096; page++)
        {
            var bytes = good.ToArray();
            bytes.AsSpan(page * 4_096, 64).Fill(0xA5);
            await File.WriteAllBytesAsync(Options.DatabasePath, bytes, Token);
            try
            {
                await using var store = await TestStore.OpenAsync(Options);
                await store.CheckAsync(new HashSet<long> { 1, 2 }, new HashSet<long> { 1, 2 });
            }
            catch (StoreException)
            {
                // Loud is right.
            }
        }
    }

    [Fact]
    public async Task A_store_of_a_newer_program_is_refused_and_left_alone()
    {
        await MakeAsync();
        using (var connection = new SqliteConnection(Options.DatabasePath, readOnly: false, null))
        {
            connection.Execute("PRAGMA user_version = 99");
        }

        var error = await Assert.ThrowsAsync<StoreException>(() => TestStore.OpenAsync(Options));

        Assert.Contains("version 99", error.Message, StringComparison.Ordinal);
        Assert.Contains("newer program", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_of_another_program_is_refused()
    {
        using (var connection = new SqliteConnection(Options.DatabasePath, readOnly: false, null))
        {
            connection.Execute("CREATE TABLE theirs (a)");
        }

        var error = await Assert.ThrowsAsync<StoreException>(() => TestStore.OpenAsync(Options));

        Assert.Contains("another program", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_migration_that_fails_at_any_write_leaves_the_version_before_it()
    {
        await MakeAsync();
        string[] steps =
        [
            .. SqliteSchema.Steps, // Done long ago.
            "CREATE TABLE added (a); ALTER TABLE task ADD COLUMN colour TEXT; UPDATE task SET colour = 'red'",
        ];
        var vfs = SyncVfs.Register();
        Assert.SkipWhen(vfs is null, "The file layer is for Linux.");
        var faults = new VfsFaults();
        faults.Install(_folder.Path);
        var failures = 0;
        for (var nth = 1; ; nth++)
        {
            using var connection = new SqliteConnection(Options.DatabasePath, readOnly: false, vfs);
            connection.Execute("PRAGMA synchronous = FULL");
            faults.Arm(VfsOperation.Write, nth, SqliteNative.IoErrorWrite, sticky: true);
            try
            {
                SqliteSchema.Migrate(connection, Options.DatabasePath, steps);
                break;
            }
            catch (SqliteException)
            {
                failures++;
            }

            faults.Disarm();
            Assert.Equal(SqliteSchema.Newest, connection.QueryInteger("PRAGMA user_version"));
            Assert.Equal(0, connection.QueryInteger("SELECT count(*) FROM sqlite_schema WHERE name = 'added'"));
        }

        VfsFaults.Remove(_folder.Path);
        using var after = new SqliteConnection(Options.DatabasePath, readOnly: false, null);
        Assert.InRange(failures, 1, 1_000);
        Assert.Equal(SqliteSchema.Newest + 1, after.QueryInteger("PRAGMA user_version"));
        Assert.Equal(2, after.QueryInteger("SELECT count(*) FROM task WHERE colour = 'red'"));
    }

    [Fact]
    public async Task The_labels_of_an_older_store_are_found_after_its_migration()
    {
        using (var connection = new SqliteConnection(Options.DatabasePath, readOnly: false, null))
        {
            SqliteSchema.Migrate(connection, Options.DatabasePath, SqliteSchema.Steps[..1]);
            string[] requires =
            [
                """'{"labels":["gpu","a"]}'""",
                "NULL",
                """'{"context":9}'""",
                "'damaged'",
                """'{"labels":["gpu"]}'""",
            ];
            for (var i = 0; i < requires.Length; i++)
            {
                connection.Execute(
                    $"""
                    INSERT INTO task (id, version, state, final, owner, kind, model, priority, attempt, max_attempts, fence,
                      generation, created_at, run_timeout, flags, event_count, requires)
                    VALUES ({i + 1}, 1, 0, 0, '', 'chat', 'm', 0, 0, 1, 0, 1, 0, 0, 0, 0, {requires[i]})
                    """
                );
            }
        }

        await using var store = await TestStore.OpenAsync(Options);
        var found = await store.ListAsync(new() { Labels = ["gpu"] }, Token);

        Assert.Equal([5, 1], found.Rows.Select(row => row.Id.Value));
    }

    [Theory]
    [InlineData("request 1", "request")]
    [InlineData("result 1", "result")]
    [InlineData("submitted", "event log")]
    public async Task A_checkup_names_the_body_that_is_damaged(string where, string what)
    {
        await MakeAsync();
        var checkup = new SqliteCheckup(Options, TimeProvider.System, new Random(1));
        var healthy = checkup.Run(everything: false, Token)!;
        Flip(where);

        var found = checkup.Run(everything: false, Token)!;

        Assert.Equal(
            (true, true, 0, 0),
            (healthy.Finished, healthy.AreAll, healthy.Structure.Count, healthy.Damaged.Count)
        );
        Assert.Equal(8, healthy.Bodies); // A request, a result and two events of each of two tasks.
        Assert.Empty(found.Structure);
        Assert.StartsWith($"the {what} of task_", Assert.Single(found.Damaged), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkup_looks_at_a_sample_of_many_bodies_and_at_all_only_when_asked_to()
    {
        await using (var store = await TestStore.OpenAsync(Options))
        {
            for (var id = 1; id <= 501; id++)
            {
                store.Enqueue(
                    StoreSamples.Insert(StoreSamples.Pending(id), $"request {id}", StoreSamples.Events(0, "submitted"))
                );
            }
        }

        var checkup = new SqliteCheckup(Options, TimeProvider.System, new Random(1));
        var sample = checkup.Run(everything: false, Token)!;
        var all = checkup.Run(everything: true, Token)!;

        Assert.Equal((false, 1_000), (sample.AreAll, sample.Bodies));
        Assert.Equal((true, 1_002), (all.AreAll, all.Bodies));
    }

    [Fact]
    public async Task A_checkup_sees_a_smashed_page_and_leaves_a_store_in_use_alone()
    {
        await MakeAsync();
        var checkup = new SqliteCheckup(Options, TimeProvider.System, new Random(1));
        await using (var store = await TestStore.OpenAsync(Options))
        {
            await store.LifeAsync(3);
            Assert.Equal(12, checkup.Run(everything: true, Token)!.Bodies);
            await store.LifeAsync(4);
        }

        var bytes = await File.ReadAllBytesAsync(Options.DatabasePath, Token);
        bytes.AsSpan(bytes.AsSpan().LastIndexOf("request 1"u8) / 4_096 * 4_096, 64).Fill(0xA5);
        await File.WriteAllBytesAsync(Options.DatabasePath, bytes, Token);

        Assert.NotEmpty(checkup.Run(everything: false, Token)!.Structure);
    }

    private async Task MakeAsync()
    {
        await using var store = await TestStore.OpenAsync(Options);
        await store.LifeAsync(1);
        await store.LifeAsync(2);
    }

    private void Flip(string text)
    {
        var bytes = File.ReadAllBytes(Options.DatabasePath);
        // Pages are filled from their end: the last is the first task's.
        bytes[bytes.AsSpan().LastIndexOf(Encoding.UTF8.GetBytes(text))] ^= 1;
        File.WriteAllBytes(Options.DatabasePath, bytes);
    }
}
