using System.Text;
using Pollard.Storage.Sqlite;
using Pollard.Tasks.Storage;

namespace Pollard.Testing;

/// <summary>A folder with a store on disk that can be opened again and again, and what may happen to its disk.</summary>
public sealed class StoreOnDisk : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pollard-disk-").FullName;
    private readonly VfsFaults _faults = new();

    /// <summary>Where it is.</summary>
    public string Folder => _folder;

    /// <summary>What the disk says that it has left.</summary>
    public long FreeBytes { get; set; } = long.MaxValue;

    /// <summary>The store, to be opened by an engine, which also closes it.</summary>
    public ITaskStore Create() => new SqliteTaskStore(Options, TimeProvider.System);

    /// <summary>Makes every write fail from here on, as a full disk does.</summary>
    public void Fill()
    {
        FreeBytes = 0;
        _faults.Arm(VfsOperation.Write, 1, SqliteNative.Full, sticky: true);
    }

    /// <summary>Flips a bit wherever the text lies in the closed database.</summary>
    public void Damage(string text)
    {
        var bytes = File.ReadAllBytes(Options.DatabasePath);
        var wanted = Encoding.UTF8.GetBytes(text);
        var found = 0;
        for (int at; (at = bytes.AsSpan().IndexOf(wanted)) >= 0; found++)
        {
            bytes[at] ^= 1;
        }

        Assert.NotEqual(0, found);
        File.WriteAllBytes(Options.DatabasePath, bytes);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private SqliteStoreOptions Options =>
        new()
        {
            Directory = _folder,
            MinFreeBytes = 1024,
            BallastBytes = 0,
            FreeBytes = () => FreeBytes,
            Faults = _faults,
        };
}
