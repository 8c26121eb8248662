using System.Buffers;
using System.Text;

namespace Pollard.Storage.Sqlite;

/// <summary>A prepared statement. Values are bound from 1, columns read from 0, as in SQLite.</summary>
internal sealed unsafe class SqliteStatement(SqliteConnection connection, nint handle) : IDisposable
{
    private const int StackBytes = 512;
    private nint _handle = handle;

    public SqliteStatement Bind(int index, long value)
    {
        connection.Check(SqliteNative.BindInteger(_handle, index, value));
        return this;
    }

    public SqliteStatement Bind(int index, long? value) => value is { } some ? Bind(index, some) : BindNull(index);

    public SqliteStatement BindNull(int index)
    {
        connection.Check(SqliteNative.BindNull(_handle, index));
        return this;
    }

    public SqliteStatement Bind(int index, string? text)
    {
        if (text is null)
        {
            return BindNull(index);
        }

        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        var rented = most > StackBytes ? ArrayPool<byte>.Shared.Rent(most) : null;
        var buffer = rented ?? stackalloc byte[StackBytes];
        var length = Encoding.UTF8.GetBytes(text, buffer);
        fixed (byte* bytes = buffer)
        {
            connection.Check(SqliteNative.BindText(_handle, index, bytes, length, SqliteNative.Transient));
        }

        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return this;
    }

    public SqliteStatement Bind(int index, ReadOnlySpan<byte> body)
    {
        BindBlob(index, body, SqliteNative.Transient);
        return this;
    }

    /// <summary>Runs a statement with a body that is not copied before SQLite copies it into a page.</summary>
    /// <returns>How many rows it changed.</returns>
    public int RunWith(int index, ReadOnlySpan<byte> body)
    {
        fixed (byte* _ = body)
        {
            BindBlob(index, body, SqliteNative.Static);
            try
            {
                return Run();
            }
            finally
            {
                BindNull(index); // The bytes may move from here on.
            }
        }
    }

    /// <summary>True when there is a row to read.</summary>
    public bool Step()
    {
        var code = connection.IsInterrupted ? SqliteNative.Interrupted : SqliteNative.Step(_handle);
        return code switch
        {
            SqliteNative.Row => true,
            SqliteNative.Done => false,
            _ => throw connection.Error(code),
        };
    }

    /// <summary>Runs a statement that returns no rows.</summary>
    /// <returns>How many rows it changed.</returns>
    public int Run()
    {
        try
        {
            while (Step()) { }

            return connection.Changes;
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>Makes it ready to be bound and run again. Says nothing new: what went wrong was said by <see cref="Step"/>.</summary>
    public void Reset() => _ = SqliteNative.Reset(_handle);

    public bool IsNull(int column) => SqliteNative.ColumnType(_handle, column) == SqliteNative.TypeNull;

    public long Integer(int column) => SqliteNative.ColumnInteger(_handle, column);

    public long? OptionalInteger(int column) => IsNull(column) ? null : Integer(column);

    /// <summary>The bytes of a text or blob, until the next step.</summary>
    public ReadOnlySpan<byte> Bytes(int column)
    {
        var bytes = SqliteNative.ColumnBlob(_handle, column);
        return new ReadOnlySpan<byte>(bytes, SqliteNative.ColumnBytes(_handle, column));
    }

    public string Text(int column) => Encoding.UTF8.GetString(Bytes(column));

    public string? OptionalText(int column) => IsNull(column) ? null : Text(column);

    private void BindBlob(int index, ReadOnlySpan<byte> body, nint destructor)
    {
        byte nothing; // An empty span's pointer is null, which SQLite takes for NULL.
        fixed (byte* bytes = body)
        {
            connection.Check(
                SqliteNative.BindBlob(
                    _handle,
                    index,
                    bytes is null ? &nothing : bytes,
                    body.Length,
                    bytes is null ? SqliteNative.Transient : destructor
                )
            );
        }
    }

    public void Dispose()
    {
        if (_handle != 0)
        {
            _ = SqliteNative.Finish(_handle);
            _handle = 0;
        }
    }
}
