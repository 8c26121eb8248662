using Pollard.Storage.Sqlite;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Storage.Tests.Sqlite;

/// <summary>Copies of stores: whole, of one moment, and put back without harm to what was there.</summary>
public sealed class SqliteBackupTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TempFolder _other = new();

    private SqliteStoreOptions Options => TestStore.Options(_folder);

    private SqliteStoreOptions Restored => TestStore.Options(_other);

    private string Copy => Path.Combine(_folder.Path, "copies", "monday");

    private static CancellationToken Token => TestStore.Token;

    public void Dispose()
    {
        _folder.Dispose();
        _other.Dispose();
    }

    [Fact]
    public async Task A_copy_beside_a_store_that_is_written_to_has_all_that_was_acknowledged_before()
    {
        var before = new HashSet<long>();
        await using (var store = await TestStore.OpenAsync(Options))
        {
            for (var id = 1L; id <= 200; id++)
            {
                before.Add(id);
                await store.LifeAsync(id);
            }

            using var over = new CancellationTokenSource();
            var writing = WriteOnAsync(store, over.Token);
            var copy = await Task.Run(() => Backup(Options).Make(Copy, Token), Token);
            await over.CancelAsync();
            await writing;

            Assert.InRange(copy.Tasks, 200, long.MaxValue);
            Assert.Empty(copy.Damaged);
        }

        Backup(Restored).Restore(Copy, replace: false, Token);

        Assert.Equal("ok", TestStore.Integrity(Restored));
        await using var restored = await TestStore.OpenAsync(Restored);
        await restored.CheckAsync(before, before);
    }

    [Fact]
    public async Task Bodies_are_copied_too_and_only_the_owner_may_read_any_of_it()
    {
        await MakeAsync(1);
        Directory.CreateDirectory(Options.BodiesPath);
        await File.WriteAllTextAsync(Path.Combine(Options.BodiesPath, "0000000000000001"), "a large body", Token);

        Backup(Options).Make(Copy, Token);
        Backup(Restored).Restore(Copy, replace: false, Token);

        Assert.Equal(
            "a large body",
            await File.ReadAllTextAsync(Path.Combine(Restored.BodiesPath, "0000000000000001"), Token)
        );
        foreach (var entry in new DirectoryInfo(Copy).EnumerateFileSystemInfos("*", SearchOption.AllDirectories))
        {
            Assert.False(entry.UnixFileMode.HasFlag(UnixFileMode.GroupRead), entry.FullName);
            Assert.False(entry.UnixFileMode.HasFlag(UnixFileMode.OtherRead), entry.FullName);
        }
    }

    [Fact]
    public async Task A_store_that_is_replaced_is_kept_and_claims_of_then_are_older_than_those_of_the_copy()
    {
        await MakeAsync(1);
        Backup(Options).Make(Copy, Token);
        int before;
        await using (var store = new SqliteTaskStore(Options, TimeProvider.System))
        {
            before = (await store.OpenAsync(Token)).Epoch;
            await store.LifeAsync(2);
        }

        var restored = Backup(Options).Restore(Copy, replace: true, Token);

        await using (var store = new SqliteTaskStore(Options, TimeProvider.System))
        {
            Assert.InRange((await store.OpenAsync(Token)).Epoch, before + 1, int.MaxValue);
            await store.CheckAsync(new HashSet<long> { 1 }, new HashSet<long> { 1 });
            Assert.Null(await store.FindAsync(new TaskId(2), Token));
        }

        await using var kept = await TestStore.OpenAsync(Options with { Directory = restored.Kept! });
        await kept.CheckAsync(new HashSet<long> { 1, 2 }, new HashSet<long> { 1, 2 });
    }

    [Fact]
    public async Task A_store_that_was_killed_is_copied_and_restored_with_its_log()
    {
        await MakeAsync(1);
        var crashed = Restored with { Directory = Path.Combine(_other.Path, "crashed") };
        await using (var store = await TestStore.OpenAsync(Options))
        {
            await store.LifeAsync(2);
            Directory.CreateDirectory(crashed.Directory);
            foreach (var file in Directory.EnumerateFiles(_folder.Path, "pollard.db*"))
            {
                File.Copy(file, Path.Combine(crashed.Directory, Path.GetFileName(file))); // As a kill leaves it.
            }
        }

        Assert.True(new FileInfo(crashed.LogPath).Length > 0);
        var copy = Path.Combine(_other.Path, "copy");
        Assert.Equal(2, Backup(crashed).Make(copy, Token).Tasks);
        var kept = Backup(crashed).Restore(copy, replace: true, Token).Kept!;

        await using (var restored = await TestStore.OpenAsync(crashed))
        {
            await restored.CheckAsync(new HashSet<long> { 1, 2 }, new HashSet<long> { 1, 2 });
        }

        await using var before = await TestStore.OpenAsync(Options with { Directory = kept });
        await before.CheckAsync(new HashSet<long> { 1, 2 }, new HashSet<long> { 1, 2 });
    }

    [Fact]
    public async Task Nothing_is_replaced_unasked_and_no_store_in_use()
    {
        await MakeAsync(1);
        Backup(Options).Make(Copy, Token);

        Refused("--replace", () => Backup(Options).Restore(Copy, replace: false, Token));
        Refused("is the data directory itself", () => Backup(Options).Restore(_folder.Path, replace: true, Token));
        Refused("is there already", () => Backup(Options).Make(Copy, Token));
        await using var store = await TestStore.OpenAsync(Options);
        Refused("in use", () => Backup(Options).Restore(Copy, replace: true, Token));
        await store.CheckAsync(new HashSet<long> { 1 }, new HashSet<long> { 1 });
    }

    [Fact]
    public async Task What_is_no_copy_is_refused_and_leaves_nothing_behind()
    {
        Refused("There is no store", () => Backup(Options).Make(Copy, Token));
        Refused("There is no store", () => Backup(Restored).Restore(Copy, replace: false, Token));
        var text = Path.Combine(_folder.Path, "letter.txt");
        await File.WriteAllTextAsync(text, "Dear reader, this is no database, however long it is.", Token);
        Refused("not a database", () => Backup(Restored).Restore(text, replace: false, Token));
        using (var foreign = new SqliteConnection(Path.Combine(_folder.Path, "foreign.db"), readOnly: false, null))
        {
            foreign.Execute("CREATE TABLE cake (name TEXT)");
        }

        Refused(
            "another program",
            () => Backup(Restored).Restore(Path.Combine(_folder.Path, "foreign.db"), replace: false, Token)
        );
        using (var newer = new SqliteConnection(Options.DatabasePath, readOnly: false, null))
        {
            SqliteSchema.Migrate(newer, Options.DatabasePath);
            newer.Execute($"PRAGMA user_version = {SqliteSchema.Newest + 1}");
        }

        Refused("Run the newer program", () => Backup(Options).Make(Copy, Token));

        Assert.Equal(["lock"], Directory.EnumerateFileSystemEntries(_other.Path).Select(Path.GetFileName));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path, "*.partial", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_smashed_page_is_said_and_a_damaged_body_is_copied_and_named()
    {
        await MakeAsync(1);
        var bytes = await File.ReadAllBytesAsync(Options.DatabasePath, Token);
        var body = bytes.AsSpan().LastIndexOf("request 1"u8);
        bytes[body] ^= 1;
        await File.WriteAllBytesAsync(Options.DatabasePath, bytes, Token);

        Assert.StartsWith(
            "the request of task_",
            Assert.Single(Backup(Options).Make(Copy, Token).Damaged),
            StringComparison.Ordinal
        );

        bytes.AsSpan(body / 4_096 * 4_096, 64).Fill(0xA5);
        await File.WriteAllBytesAsync(Options.DatabasePath, bytes, Token);
        Assert.Throws<StoreException>(() => Backup(Options).Make(Copy + "2", Token));
        Assert.False(Path.Exists(Copy + "2"));
    }

    [Fact]
    public async Task What_one_that_was_killed_left_is_taken_away_and_one_that_is_cancelled_leaves_nothing()
    {
        await MakeAsync(1);
        Directory.CreateDirectory(Copy + ".partial");
        await File.WriteAllTextAsync(Path.Combine(Copy + ".partial", "pollard.db"), "half", Token);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        Assert.ThrowsAny<OperationCanceledException>(() => Backup(Options).Make(Copy + "2", cancelled.Token));
        Assert.Equal(1, Backup(Options).Make(Copy, Token).Tasks);

        Assert.Equal(
            ["monday"],
            Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(Copy)!).Select(Path.GetFileName)
        );
    }

    private static SqliteBackup Backup(SqliteStoreOptions options) => new(options, TimeProvider.System);

    private static void Refused(string why, Action act) =>
        Assert.Contains(why, Assert.Throws<StoreException>(act).Message, StringComparison.Ordinal);

    private static async Task WriteOnAsync(SqliteTaskStore store, CancellationToken over)
    {
        for (var id = 1_000L; !over.IsCancellationRequested; id++)
        {
            await store.LifeAsync(id);
        }
    }

    private async Task MakeAsync(long id)
    {
        await using var store = await TestStore.OpenAsync(Options);
        await store.LifeAsync(id);
    }
}
