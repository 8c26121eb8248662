namespace Pollard.Storage.Sqlite;

/// <summary>SQLite said no. Stays inside the store: outside it is a <c>StoreException</c> in words for people.</summary>
internal sealed class SqliteException(int code, string message) : Exception(message)
{
    /// <summary>The extended result code.</summary>
    public int Code { get; } = code;

    /// <summary>The result code without its details.</summary>
    public int PrimaryCode => Code & 0xFF;

    /// <summary>True when the disk did not confirm what was written. A second attempt would be told that all is well.</summary>
    public bool IsLostSync => Code is SqliteNative.IoErrorFsync or SqliteNative.IoErrorDirFsync;

    /// <summary>True when the file is not what we wrote.</summary>
    public bool IsDamage => PrimaryCode is SqliteNative.Corrupt or SqliteNative.NotADatabase;
}
