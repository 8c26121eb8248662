namespace Pollard.Storage.Sqlite;

/// <summary>Where a store on disk is, and its numbers with their defaults.</summary>
public sealed record SqliteStoreOptions
{
    /// <summary>The data directory; made when it is not there. The database is <c>pollard.db</c> inside.</summary>
    public required string Directory { get; init; }

    /// <summary>Writes in one commit at the most.</summary>
    public int MaxCommitWrites { get; init; } = 4_096;

    /// <summary>Bytes of bodies and events in one commit at the most, by one write more or less.</summary>
    public int MaxCommitBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>How long writes that nobody waits for are gathered; one that somebody waits for takes them along at once.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMilliseconds(25);

    /// <summary>So many writes linger at the most.</summary>
    public int MaxLingering { get; init; } = 1_024;

    /// <summary>From this size of the log on, in bytes, its pages are copied into the database beside the writes.</summary>
    public long CheckpointBytes { get; init; } = 16L * 1024 * 1024;

    /// <summary>From this size of the log on, in bytes, the writer stands still for the moment that it takes to begin the log anew.</summary>
    public long RestartBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>With less free space than this, in bytes, no new tasks are taken; 0 never asks.</summary>
    public long MinFreeBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>A file that is kept only to be deleted when the disk is full, so that what is written can be put in order; in bytes, 0 for none.</summary>
    public long BallastBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>How often free space is looked at, and a store that stopped tries again.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Reads that run at the same time.</summary>
    public int Readers { get; init; } = 3;

    /// <summary>Memory for database pages of the writer, in bytes.</summary>
    public long CacheBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>The database file.</summary>
    public string DatabasePath => Path.Combine(Directory, "pollard.db");

    /// <summary>The log beside it.</summary>
    internal string LogPath => DatabasePath + "-wal";

    /// <summary>Where the bodies lie that are too large for a log.</summary>
    internal string BodiesPath => Path.Combine(Directory, "bodies");

    /// <summary>The file of <see cref="BallastBytes"/>.</summary>
    internal string BallastPath => Path.Combine(Directory, "ballast");

    /// <summary>Held while a process uses the directory.</summary>
    internal string LockPath => Path.Combine(Directory, "lock");

    /// <summary>For tests: what goes wrong with the files.</summary>
    internal VfsFaults? Faults { get; init; }

    /// <summary>For tests: free bytes on the disk.</summary>
    internal Func<long>? FreeBytes { get; init; }
}
