using System.Runtime.InteropServices;

namespace Pollard.Storage.Sqlite;

/// <summary>One connection to the database file. Used by one thread at a time.</summary>
internal sealed unsafe class SqliteConnection : IDisposable
{
    private readonly List<SqliteStatement> _statements = [];
    private nint _db;
    private volatile bool _isInterrupted;

    public SqliteConnection(string path, bool readOnly, string? vfs)
    {
        var flags =
            SqliteNative.OpenNoMutex
            | SqliteNative.OpenExtendedCodes
            | (readOnly ? SqliteNative.OpenReadOnly : SqliteNative.OpenReadWrite | SqliteNative.OpenCreate);
        var code = SqliteNative.Open(path, out _db, flags, vfs);
        if (code != SqliteNative.Ok)
        {
            var error = Error(code);
            Dispose();
            throw error;
        }
    }

    public nint Handle => _db;

    /// <summary>True between BEGIN and the end of the transaction, whoever ended it.</summary>
    public bool InTransaction => SqliteNative.IsAutoCommit(_db) == 0;

    /// <summary>Rows that the last statement changed.</summary>
    public int Changes => SqliteNative.Changes(_db);

    /// <summary>How long a statement waits for another connection.</summary>
    public void SetBusyTimeout(int milliseconds) => Check(SqliteNative.BusyTimeout(_db, milliseconds));

    /// <summary>Whether nothing is run here until <see cref="Resume"/>.</summary>
    public bool IsInterrupted => _isInterrupted;

    /// <summary>
    /// Ends the statement that another thread runs here now, and those that it would run next: between two there is nothing that SQLite
    /// could end. The connection must still be open.
    /// </summary>
    public void Interrupt()
    {
        _isInterrupted = true;
        SqliteNative.Interrupt(_db);
    }

    /// <summary>Statements are run again.</summary>
    public void Resume() => _isInterrupted = false;

    /// <summary>A statement that lives as long as the connection.</summary>
    public SqliteStatement Prepare(string sql)
    {
        var code = SqliteNative.Prepare(_db, sql, -1, SqliteNative.PreparePersistent, out var handle, 0);
        Check(code);
        var statement = new SqliteStatement(this, handle);
        _statements.Add(statement);
        return statement;
    }

    /// <summary>Runs statements that return nothing of interest.</summary>
    public void Execute(string sql) => Check(SqliteNative.Execute(_db, sql, 0, 0, 0));

    /// <summary>The first column of the first row as a number; 0 when there is none.</summary>
    public long QueryInteger(string sql)
    {
        Check(SqliteNative.Prepare(_db, sql, -1, 0, out var handle, 0));
        using var statement = new SqliteStatement(this, handle);
        return statement.Step() ? statement.Integer(0) : 0;
    }

    /// <summary>The first column of the first row as bytes; empty when there is none.</summary>
    public byte[] QueryBytes(string sql)
    {
        Check(SqliteNative.Prepare(_db, sql, -1, 0, out var handle, 0));
        using var statement = new SqliteStatement(this, handle);
        return statement.Step() ? statement.Bytes(0).ToArray() : [];
    }

    /// <summary>Copies the log into the database file.</summary>
    /// <returns>False when a reader or writer stood in the way.</returns>
    public bool Checkpoint(int mode, out int framesInLog, out int framesDone)
    {
        var code = SqliteNative.Checkpoint(_db, null, mode, out framesInLog, out framesDone);
        if ((code & 0xFF) == SqliteNative.Busy)
        {
            return false;
        }

        Check(code);
        return true;
    }

    public void Check(int code)
    {
        if (code != SqliteNative.Ok)
        {
            throw Error(code);
        }
    }

    public SqliteException Error(int code)
    {
        if (_db == 0)
        {
            return new SqliteException(code, $"SQLite error {code}");
        }

        var extended = SqliteNative.ExtendedError(_db);
        var text = Marshal.PtrToStringUTF8((nint)SqliteNative.ErrorMessage(_db));
        return new SqliteException(
            (extended & 0xFF) == (code & 0xFF) ? extended : code,
            $"{text} (SQLite error {extended})"
        );
    }

    public void Dispose()
    {
        foreach (var statement in _statements)
        {
            statement.Dispose();
        }

        _statements.Clear();
        if (_db != 0)
        {
            _ = SqliteNative.Close(_db);
            _db = 0;
        }
    }
}
