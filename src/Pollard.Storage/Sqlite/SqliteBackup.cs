using System.Globalization;
using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>A copy of a store.</summary>
/// <param name="Tasks">Tasks in it.</param>
/// <param name="Bytes">Its size with the bodies beside it, in bytes.</param>
/// <param name="Damaged">Requests, results and events whose checksums do not hold, in words; they are damaged where they came from too.</param>
/// <param name="Kept">Where the store lies whose place it took; null when it took nobody's.</param>
public sealed record StoreCopy(long Tasks, long Bytes, IReadOnlyList<string> Damaged, string? Kept = null);

/// <summary>
/// Copies of a store, made while a gateway works on it and put back where none does. A copy is a directory of the same form as a data
/// directory; it is looked at as a whole before it has its name, so that what is there under that name can be restored.
/// </summary>
public sealed class SqliteBackup(SqliteStoreOptions options, TimeProvider time)
{
    // After the copy was made the store may have been opened that often: claims of then must stay older than those of the copy.
    private const int SkippedEpochs = 1_024;
    private const string Unfinished = ".partial";

    /// <summary>Copies the store, as it is at one moment.</summary>
    /// <param name="to">A directory that is not there yet, or is empty.</param>
    /// <param name="ct">Ends it; nothing is left then.</param>
    /// <exception cref="StoreException">There is no store, its structure is damaged, or the copy cannot be written.</exception>
    public StoreCopy Make(string to, CancellationToken ct)
    {
        to = Path.TrimEndingDirectorySeparator(Path.GetFullPath(to));
        if (File.Exists(to) || (Directory.Exists(to) && Directory.EnumerateFileSystemEntries(to).Any()))
        {
            throw new StoreException(StoreFault.CannotOpen, $"{to} is there already. Name a new directory.");
        }

        return Guarded(
            to,
            () =>
            {
                var copy = Copy(new Place(options), options with { Directory = to + Unfinished }, ct);
                if (Directory.Exists(to))
                {
                    Directory.Delete(to);
                }

                Directory.Move(to + Unfinished, to);
                return copy;
            },
            ct
        );
    }

    /// <summary>Puts a copy in the place of the store. Claims and sessions of hosts since the copy was made are not taken for newer ones.</summary>
    /// <param name="from">A copy, or a database file alone.</param>
    /// <param name="replace">Whether a store that is there may be replaced; it is kept beside the new one.</param>
    /// <param name="ct">Ends it; the store is the one before then.</param>
    /// <exception cref="StoreException">There is no copy, it is damaged, a gateway uses the directory, or there is a store already.</exception>
    public StoreCopy Restore(string from, bool replace, CancellationToken ct)
    {
        from = Path.TrimEndingDirectorySeparator(Path.GetFullPath(from));
        var here = Path.TrimEndingDirectorySeparator(Path.GetFullPath(options.Directory));
        var source = File.Exists(from) ? new Place(from, null) : new Place(options with { Directory = from });
        if (from == here || source.Database == options.DatabasePath)
        {
            throw new StoreException(StoreFault.CannotOpen, $"{from} is the data directory itself. Name a backup.");
        }

        using var held = DataDirectory.Take(options);
        var replaces = File.Exists(options.DatabasePath);
        if (replaces && !replace)
        {
            throw new StoreException(
                StoreFault.CannotOpen,
                $"There is a store in {here}. With --replace it is kept in a directory beside, and the backup takes its place."
            );
        }

        return Guarded(
            Path.Combine(here, "restore"),
            () =>
            {
                var copied = options with { Directory = Path.Combine(here, "restore" + Unfinished) };
                var copy = Copy(source, copied, ct);
                SkipEpochs(copied.DatabasePath);
                ct.ThrowIfCancellationRequested();
                return copy with { Kept = PutInPlace(copied, replaces) };
            },
            ct
        );
    }

    private StoreCopy Copy(Place from, SqliteStoreOptions to, CancellationToken ct)
    {
        if (!File.Exists(from.Database))
        {
            throw new StoreException(StoreFault.CannotOpen, $"There is no store: {from.Database} is missing.");
        }

        DeleteAll(to.Directory); // Of one that was killed.
        MakePrivate(to.Directory);
        CopyDatabase(from.Database, to.DatabasePath, ct);
        var bytes = new FileInfo(to.DatabasePath).Length + CopyBodies(from.Bodies, to.BodiesPath, ct);
        var checkup = new SqliteCheckup(to, time, Random.Shared).Run(everything: true, ct)!;
        if (checkup.Structure.Count > 0)
        {
            throw new StoreException(
                StoreFault.Damaged,
                $"{from.Database} is damaged: {checkup.Structure[0].ReplaceLineEndings(" ")}. Nothing was copied."
            );
        }

        using var copy = new SqliteConnection(to.DatabasePath, readOnly: true, vfs: null);
        return new StoreCopy(copy.QueryInteger("SELECT count(*) FROM task"), bytes, checkup.Damaged);
    }

    private static void CopyDatabase(string from, string to, CancellationToken ct)
    {
        using var source = new SqliteConnection(from, readOnly: true, vfs: null);
        source.SetBusyTimeout(SqliteTaskStore.BusyMilliseconds);
        source.Execute("PRAGMA mmap_size = 0");
        SqliteSchema.Check(source, from);
        using var file = OpenPrivate(to); // Before there is anything in it. SQLite writes into an empty one.
        using (ct.Register(source.Interrupt))
        {
            source.Prepare("VACUUM INTO ?1").Bind(1, to).Run();
        }

        file.Flush(flushToDisk: true);
    }

    // A body grows, and is gone when its task is: what the database of a moment before knows of it is there, or has been deleted.
    private static long CopyBodies(string? from, string to, CancellationToken ct)
    {
        var bytes = 0L;
        var directory = from is null ? null : new DirectoryInfo(from);
        foreach (var body in directory is { Exists: true } ? directory.EnumerateFiles() : [])
        {
            ct.ThrowIfCancellationRequested();
            MakePrivate(to);
            try
            {
                using var source = body.Open(FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                using var copy = OpenPrivate(Path.Combine(to, body.Name));
                source.CopyTo(copy);
                copy.Flush(flushToDisk: true);
                bytes += copy.Length;
            }
            catch (FileNotFoundException)
            {
                // Deleted since it was listed.
            }
        }

        return bytes;
    }

    private void SkipEpochs(string database)
    {
        var used = 0L;
        try
        {
            using var before = new SqliteConnection(options.DatabasePath, readOnly: true, vfs: null);
            used = before.QueryInteger("SELECT value FROM meta WHERE name = 'epoch'");
        }
        catch (SqliteException)
        {
            // There is none, or it cannot be read any more.
        }

        using var copy = new SqliteConnection(database, readOnly: false, vfs: null);
        copy.Execute(
            string.Create(
                CultureInfo.InvariantCulture,
                $"UPDATE meta SET value = max(value, {used}) + {SkippedEpochs} WHERE name = 'epoch'"
            )
        );
    }

    /// <returns>Where the store before lies now; null when there was none.</returns>
    private string? PutInPlace(SqliteStoreOptions copied, bool replaces)
    {
        if (!replaces)
        {
            MoveBodies(copied.BodiesPath, options.BodiesPath);
            File.Move(copied.DatabasePath, options.DatabasePath); // Last: with it the store is there.
            DeleteAll(copied.Directory);
            return null;
        }

        var name = $"before-restore-{time.GetUtcNow().UtcDateTime:yyyyMMdd'T'HHmmss'Z'}";
        var kept = options with { Directory = Path.Combine(options.Directory, name) };
        MakePrivate(kept.Directory);
        EmptyLog(kept);
        File.Replace(copied.DatabasePath, options.DatabasePath, kept.DatabasePath); // There is one or the other at any moment.
        MoveBodies(options.BodiesPath, kept.BodiesPath);
        MoveBodies(copied.BodiesPath, options.BodiesPath);
        DeleteAll(copied.Directory);
        return kept.Directory;
    }

    // The log belongs to the database before, and must never be read into another.
    private void EmptyLog(SqliteStoreOptions kept)
    {
        try
        {
            using var before = new SqliteConnection(options.DatabasePath, readOnly: false, vfs: null);
            before.SetBusyTimeout(SqliteTaskStore.BusyMilliseconds);
            before.Checkpoint(SqliteNative.CheckpointTruncate, out _, out _);
        }
        catch (SqliteException)
        {
            // Too damaged for that: its log is kept with it.
        }

        foreach (var path in (string[])[options.LogPath, options.DatabasePath + "-shm"])
        {
            if (File.Exists(path))
            {
                File.Move(path, Path.Combine(kept.Directory, Path.GetFileName(path)));
            }
        }
    }

    private static void MoveBodies(string from, string to)
    {
        if (Directory.Exists(from))
        {
            Directory.Move(from, to);
        }
    }

    private static T Guarded<T>(string place, Func<T> work, CancellationToken ct)
    {
        try
        {
            return work();
        }
        catch (SqliteException) when (ct.IsCancellationRequested)
        {
            throw new OperationCanceledException(ct); // What it was in the middle of was interrupted.
        }
        catch (SqliteException error)
        {
            throw new StoreException(StoreFault.CannotOpen, $"The copy could not be made: {error.Message}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFault.CannotOpen, $"The copy could not be made: {error.Message}", error);
        }
        finally
        {
            DeleteAll(place + Unfinished);
        }
    }

    private static void DeleteAll(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static void MakePrivate(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
            return;
        }

        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(directory, OwnerOnly);
    }

    private static FileStream OpenPrivate(string path)
    {
        var file = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            file.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, file);
    }

    /// <summary>Where a store lies.</summary>
    private readonly record struct Place(string Database, string? Bodies)
    {
        public Place(SqliteStoreOptions options)
            : this(options.DatabasePath, options.BodiesPath) { }
    }
}
