using System.Collections.Concurrent;

namespace Pollard.Storage.Sqlite;

/// <summary>What SQLite asks of a file.</summary>
internal enum VfsOperation
{
    Read,
    Write,
    Sync,
    Truncate,
}

/// <summary>For tests: the n-th operation of a kind on a directory's files fails, once or from then on.</summary>
internal sealed class VfsFaults
{
    private static readonly ConcurrentDictionary<string, VfsFaults> Installed = new(StringComparer.Ordinal);

    private int _seen;
    private int _hits;
    private volatile Plan? _plan;

    /// <summary>Notes what happens to the files, when somebody wants to know.</summary>
    public VfsRecord? Record { get; init; }

    /// <summary>How often it failed.</summary>
    public int Hits => Volatile.Read(ref _hits);

    /// <summary>From here on the <paramref name="nth"/> operation of that kind answers with <paramref name="code"/>.</summary>
    public void Arm(VfsOperation operation, int nth, int code, bool sticky)
    {
        Volatile.Write(ref _seen, 0);
        _plan = new Plan(operation, nth, code, sticky);
    }

    /// <summary>All is well again.</summary>
    public void Disarm() => _plan = null;

    /// <summary>Files opened in the directory after this are under the plan.</summary>
    public void Install(string directory) => Installed[directory] = this;

    /// <summary>Files opened in the directory after this are not.</summary>
    public static void Remove(string directory) => Installed.TryRemove(directory, out _);

    public static VfsFaults? For(string path) =>
        !Installed.IsEmpty && Installed.TryGetValue(Path.GetDirectoryName(path) ?? "", out var faults) ? faults : null;

    public int Next(VfsOperation operation)
    {
        if (_plan is not { } plan || plan.Operation != operation)
        {
            return SqliteNative.Ok;
        }

        var seen = Interlocked.Increment(ref _seen);
        if (seen != plan.Nth && !(plan.Sticky && seen > plan.Nth))
        {
            return SqliteNative.Ok;
        }

        Interlocked.Increment(ref _hits);
        return plan.Code;
    }

    private sealed record Plan(VfsOperation Operation, int Nth, int Code, bool Sticky);
}
