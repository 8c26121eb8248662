using System.Globalization;
using System.Text;
using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>A data directory that this process has for itself: two writers of one store would each undo the other.</summary>
internal sealed class DataDirectory : IDisposable
{
    private readonly FileStream _lock;

    private DataDirectory(FileStream held) => _lock = held;

    /// <summary>Makes the directory when it is not there, and takes it.</summary>
    /// <exception cref="StoreException">It cannot be made, or another process has it.</exception>
    public static DataDirectory Take(SqliteStoreOptions options)
    {
        try
        {
            Directory.CreateDirectory(options.Directory);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(
                StoreFault.CannotOpen,
                $"The data directory {options.Directory} cannot be made: {error.Message} Choose another one with --data.",
                error
            );
        }

        try
        {
            var held = new FileStream(options.LockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            Sign(held);
            return new DataDirectory(held);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new StoreException(
                StoreFault.CannotOpen,
                $"The data directory {options.Directory} may not be written to. Give this user the right to, or choose another one with --data.",
                error
            );
        }
        catch (IOException error)
        {
            throw new StoreException(
                StoreFault.CannotOpen,
                $"The data directory {options.Directory} is in use by another process. Stop that one, or choose another directory with --data.",
                error
            );
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    // Who holds it, for people that look into the file.
    private static void Sign(FileStream held)
    {
        try
        {
            held.SetLength(0);
            held.Write(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
            held.Flush();
        }
        catch (IOException)
        {
            // A full disk: the lock holds without a name.
        }
    }
}
