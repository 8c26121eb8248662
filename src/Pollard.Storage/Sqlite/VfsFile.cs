using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Pollard.Storage.Sqlite;

/// <summary>
/// An open file of SQLite's whose functions are ours. The file keeps SQLite's own structure; only its table of functions is
/// exchanged for this one, which begins with a copy of it and calls the functions it replaces.
/// </summary>
/// <remarks>
/// <para>Syncs: the SQLite we ship was built without fdatasync and writes the file's times with every commit. The descriptor is
/// read out of SQLite's structure and checked against /proc: when it is not what it should be, the file is synced as before.</para>
/// <para>Logs: SQLite writes each page to its log in two small pieces, which costs more than the pages. Pieces that follow each
/// other are gathered here and written before anything else is done with the file, in particular before it is synced. Nobody else
/// reads them sooner: SQLite shows a commit to other connections after its sync, and with synchronous=FULL syncs every commit.</para>
/// </remarks>
internal unsafe struct VfsFile
{
    private const int DescriptorOffset = 24; // unixFile: three pointers, then the descriptor.

    // 31 pages with their frame headers. SQLite's file layer cannot write 128 KiB or more at once.
    private const int GatherBytes = 31 * (4_096 + 24);

    private static readonly ConcurrentDictionary<nint, Watched> Faulty = new();
    private static volatile bool _isAnyWatched; // By tests alone. An empty dictionary takes all its locks to say that it is.
    private static long _dataSyncs;

    private VfsMethods _methods; // First: SQLite looks here for its functions.
    private VfsMethods* _base;
    private int _descriptor;
    private bool _synced;
    private bool _isLog;
    private byte* _gathered;
    private long _gatheredFrom;
    private int _gatheredBytes;

    /// <summary>Syncs by fdatasync since the process began.</summary>
    public static long DataSyncs => Volatile.Read(ref _dataSyncs);

    /// <summary>Exchanges the functions of a file that was just opened, if there is something to gain.</summary>
    public static void Wrap(VfsFileHead* file, string path)
    {
        var faults = VfsFaults.For(path);
        var descriptor = DescriptorOf(file, path);
        var isLog = path.EndsWith("-wal", StringComparison.Ordinal);
        if (faults is null && descriptor < 0 && !isLog)
        {
            return;
        }

        var wrapped = (VfsFile*)NativeMemory.AllocZeroed((nuint)sizeof(VfsFile));
        wrapped->_methods = *file->Methods;
        wrapped->_methods.Version = 3;
        wrapped->_methods.Close = &Close;
        wrapped->_methods.Read = &Read;
        wrapped->_methods.Write = &Write;
        wrapped->_methods.Truncate = &Truncate;
        wrapped->_methods.Sync = &Sync;
        wrapped->_methods.FileSize = &FileSize;
        wrapped->_base = file->Methods;
        wrapped->_descriptor = descriptor;
        wrapped->_isLog = isLog;
        file->Methods = &wrapped->_methods;
        if (faults is not null)
        {
            _isAnyWatched = true;
            Faulty[(nint)file] = new Watched(path, faults);
        }
    }

    private static VfsFile* Of(VfsFileHead* file) => (VfsFile*)file->Methods;

    private static int DescriptorOf(VfsFileHead* file, string path)
    {
        var descriptor = *(int*)((byte*)file + DescriptorOffset);
        var target = File.ResolveLinkTarget($"/proc/self/fd/{descriptor}", returnFinalTarget: false);
        return descriptor > 2 && target?.FullName == path ? descriptor : -1;
    }

    private static int Fault(VfsFileHead* file, VfsOperation operation) =>
        _isAnyWatched && Faulty.TryGetValue((nint)file, out var watched)
            ? watched.Faults.Next(operation)
            : SqliteNative.Ok;

    private static Watched? Recorded(VfsFileHead* file) =>
        _isAnyWatched && Faulty.TryGetValue((nint)file, out var watched) && watched.Faults.Record is not null
            ? watched
            : null;

    /// <summary>Writes what was gathered. When that fails it is dropped: SQLite undoes the commit that it belongs to.</summary>
    private static int Flush(VfsFileHead* file)
    {
        var self = Of(file);
        var bytes = self->_gatheredBytes;
        self->_gatheredBytes = 0;
        return bytes == 0 ? SqliteNative.Ok : WriteThrough(file, self->_gathered, bytes, self->_gatheredFrom);
    }

    private static int WriteThrough(VfsFileHead* file, void* from, int bytes, long offset)
    {
        var code = Fault(file, VfsOperation.Write);
        code = code != SqliteNative.Ok ? code : Of(file)->_base->Write(file, from, bytes, offset);
        if (code == SqliteNative.Ok && Recorded(file) is { } watched)
        {
            watched.Faults.Record!.Wrote(watched.Path, new ReadOnlySpan<byte>(from, bytes), offset);
        }

        return code;
    }

    // hot: bench store
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Write(VfsFileHead* file, void* from, int bytes, long offset)
    {
        var self = Of(file);
        if (!self->_isLog || bytes > GatherBytes)
        {
            var before = Flush(file);
            return before != SqliteNative.Ok ? before : WriteThrough(file, from, bytes, offset);
        }

        if (offset != self->_gatheredFrom + self->_gatheredBytes || self->_gatheredBytes + bytes > GatherBytes)
        {
            var code = Flush(file);
            if (code != SqliteNative.Ok)
            {
                return code;
            }
        }

        if (self->_gatheredBytes == 0)
        {
            self->_gatheredFrom = offset;
        }

        self->_gathered = self->_gathered is null ? (byte*)NativeMemory.Alloc(GatherBytes) : self->_gathered;
        NativeMemory.Copy(from, self->_gathered + self->_gatheredBytes, (nuint)bytes);
        self->_gatheredBytes += bytes;
        return SqliteNative.Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sync(VfsFileHead* file, int flags)
    {
        var code = Flush(file);
        code = code != SqliteNative.Ok ? code : Fault(file, VfsOperation.Sync);
        if (code != SqliteNative.Ok)
        {
            return code;
        }

        var recorded = Recorded(file);
        var before = recorded?.Faults.Record!.Count ?? 0;
        code = SyncNow(file, flags);
        if (code == SqliteNative.Ok)
        {
            recorded?.Faults.Record!.Synced(recorded.Path, before);
        }

        return code;
    }

    // The first sync of a new log must sync its directory too: SQLite knows how.
    private static int SyncNow(VfsFileHead* file, int flags)
    {
        var self = Of(file);
        if (!self->_synced || self->_descriptor < 0)
        {
            var code = self->_base->Sync(file, flags);
            self->_synced = code == SqliteNative.Ok;
            return code;
        }

        Interlocked.Increment(ref _dataSyncs);
        return SqliteNative.FdDataSync(self->_descriptor) == 0 ? SqliteNative.Ok : SqliteNative.IoErrorFsync;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Read(VfsFileHead* file, void* to, int bytes, long offset)
    {
        var code = Flush(file);
        code = code != SqliteNative.Ok ? code : Fault(file, VfsOperation.Read);
        return code != SqliteNative.Ok ? code : Of(file)->_base->Read(file, to, bytes, offset);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Truncate(VfsFileHead* file, long bytes)
    {
        var code = Flush(file);
        code = code != SqliteNative.Ok ? code : Fault(file, VfsOperation.Truncate);
        code = code != SqliteNative.Ok ? code : Of(file)->_base->Truncate(file, bytes);
        if (code == SqliteNative.Ok && Recorded(file) is { } watched)
        {
            watched.Faults.Record!.Truncated(watched.Path, bytes);
        }

        return code;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FileSize(VfsFileHead* file, long* bytes)
    {
        var code = Flush(file);
        return code != SqliteNative.Ok ? code : Of(file)->_base->FileSize(file, bytes);
    }

    // What is gathered now belongs to no commit.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Close(VfsFileHead* file)
    {
        var self = Of(file);
        Faulty.TryRemove((nint)file, out _);
        file->Methods = self->_base;
        NativeMemory.Free(self->_gathered);
        NativeMemory.Free(self);
        return file->Methods->Close(file);
    }

    private sealed record Watched(string Path, VfsFaults Faults);
}
