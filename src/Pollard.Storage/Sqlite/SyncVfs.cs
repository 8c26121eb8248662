using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Pollard.Storage.Sqlite;

/// <summary>
/// A thin layer between SQLite and the files of its own file layer. The SQLite we ship was built without fdatasync and writes
/// the file's times with every commit; this layer calls fdatasync in its place. It is also where tests make files fail.
/// </summary>
/// <remarks>
/// A file keeps SQLite's own structure; only its table of functions is exchanged for a copy with other entries. The file's
/// descriptor is read out of that structure and checked against /proc at each open: when it is not what it should be, the
/// file keeps SQLite's functions and is synced by fsync, slower and as safe.
/// </remarks>
[SuppressMessage(
    "Design",
    "CA1031:Do not catch general exception types",
    Justification = "Nothing may be thrown through C."
)]
internal static unsafe class SyncVfs
{
    private const string Name = "pollard";
    private const int DescriptorOffset = 24; // unixFile: three pointers, then the descriptor.
    private static readonly Lock Gate = new();
    private static readonly ConcurrentDictionary<nint, VfsFaults> Faulty = new();
    private static readonly Dictionary<nint, (nint FirstSync, nint Faulty)> Tables = [];
    private static nint _vfs;
    private static Vfs* _base;
    private static long _dataSyncs;

    /// <summary>Syncs by fdatasync since the process began.</summary>
    public static long DataSyncs => Volatile.Read(ref _dataSyncs);

    /// <summary>Registers the layer.</summary>
    /// <returns>Its name for a connection; null where it does not serve, and SQLite's own layer is used.</returns>
    public static string? Register()
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            return null;
        }

        lock (Gate)
        {
            return _vfs != 0 || TryRegister() ? Name : null;
        }
    }

    private static bool TryRegister()
    {
        _ = SqliteNative.Initialize();
        _base = (Vfs*)SqliteNative.FindVfs(null);
        if (_base is null)
        {
            return false;
        }

        var vfs = (Vfs*)NativeMemory.AllocZeroed((nuint)sizeof(Vfs));
        *vfs = *_base;
        vfs->Next = 0;
        vfs->Name = Marshal.StringToCoTaskMemUTF8(Name); // Lives as long as the process, like the layer.
        vfs->Open = &Open;
        if (SqliteNative.RegisterVfs((nint)vfs, 0) != SqliteNative.Ok)
        {
            return false;
        }

        _vfs = (nint)vfs;
        return true;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Open(Vfs* vfs, byte* name, FileHead* file, int flags, int* outFlags)
    {
        _ = vfs;
        var code = _base->Open(_base, name, file, flags, outFlags);
        if (code != SqliteNative.Ok || file->Methods is null || name is null)
        {
            return code;
        }

        try
        {
            if (Marshal.PtrToStringUTF8((nint)name) is { } path && file->Methods->Version >= 3)
            {
                Exchange(file, path);
            }
        }
        catch (Exception)
        {
            // The file keeps SQLite's functions.
        }

        return code;
    }

    private static void Exchange(FileHead* file, string path)
    {
        if (VfsFaults.For(path) is { } faults)
        {
            Faulty[(nint)file] = faults;
            file->Methods = (Methods*)TablesFor(file->Methods).Faulty;
        }
        else if (DescriptorOf(file, path) >= 0)
        {
            file->Methods = (Methods*)TablesFor(file->Methods).FirstSync;
        }
    }

    /// <summary>SQLite has a table for databases and one for logs, which lock nothing: each gets its copies once.</summary>
    private static (nint FirstSync, nint Faulty) TablesFor(Methods* found)
    {
        lock (Gate)
        {
            if (Tables.TryGetValue((nint)found, out var known))
            {
                return known;
            }

            var later = Copy(found, null);
            later->Methods.Sync = &DataSync;
            var first = Copy(found, later);
            first->Methods.Sync = &FirstSync;
            var faulty = Copy(found, null);
            faulty->Methods.Close = &FaultyClose;
            faulty->Methods.Read = &FaultyRead;
            faulty->Methods.Write = &FaultyWrite;
            faulty->Methods.Truncate = &FaultyTruncate;
            faulty->Methods.Sync = &FaultySync;
            return Tables[(nint)found] = ((nint)first, (nint)faulty);
        }
    }

    private static Table* Copy(Methods* from, Table* afterSync)
    {
        var copy = (Table*)NativeMemory.Alloc((nuint)sizeof(Table));
        copy->Methods = *from;
        copy->Methods.Version = 3;
        copy->Base = from;
        copy->AfterSync = afterSync;
        return copy;
    }

    private static Methods* BaseOf(FileHead* file) => ((Table*)file->Methods)->Base;

    private static int DescriptorOf(FileHead* file, string path)
    {
        var descriptor = *(int*)((byte*)file + DescriptorOffset);
        var target = File.ResolveLinkTarget($"/proc/self/fd/{descriptor}", returnFinalTarget: false);
        return descriptor > 2 && target?.FullName == path ? descriptor : -1;
    }

    /// <summary>The first sync of a new log must sync its directory too: SQLite knows how.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FirstSync(FileHead* file, int flags)
    {
        var code = BaseOf(file)->Sync(file, flags);
        if (code == SqliteNative.Ok)
        {
            file->Methods = &((Table*)file->Methods)->AfterSync->Methods;
        }

        return code;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int DataSync(FileHead* file, int flags)
    {
        _ = flags;
        Interlocked.Increment(ref _dataSyncs);
        return SqliteNative.FdDataSync(*(int*)((byte*)file + DescriptorOffset)) == 0
            ? SqliteNative.Ok
            : SqliteNative.IoErrorFsync;
    }

    private static int Fault(FileHead* file, VfsOperation operation) =>
        Faulty.TryGetValue((nint)file, out var faults) ? faults.Next(operation) : SqliteNative.Ok;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FaultyClose(FileHead* file)
    {
        Faulty.TryRemove((nint)file, out _);
        return BaseOf(file)->Close(file);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FaultyRead(FileHead* file, void* to, int bytes, long offset)
    {
        var code = Fault(file, VfsOperation.Read);
        return code != SqliteNative.Ok ? code : BaseOf(file)->Read(file, to, bytes, offset);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FaultyWrite(FileHead* file, void* from, int bytes, long offset)
    {
        var code = Fault(file, VfsOperation.Write);
        return code != SqliteNative.Ok ? code : BaseOf(file)->Write(file, from, bytes, offset);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FaultyTruncate(FileHead* file, long bytes)
    {
        var code = Fault(file, VfsOperation.Truncate);
        return code != SqliteNative.Ok ? code : BaseOf(file)->Truncate(file, bytes);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FaultySync(FileHead* file, int flags)
    {
        var code = Fault(file, VfsOperation.Sync);
        return code != SqliteNative.Ok ? code : BaseOf(file)->Sync(file, flags);
    }

    /// <summary><c>sqlite3_file</c>; the file layer's own members follow.</summary>
    private struct FileHead
    {
        public Methods* Methods;
    }

    /// <summary>A copied table and, behind it, what its functions need to know.</summary>
    private struct Table
    {
        public Methods Methods;
        public Methods* Base;
        public Table* AfterSync;
    }

    /// <summary><c>sqlite3_vfs</c>, version 3.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Vfs
    {
        public int Version;
        public int FileBytes;
        public int PathBytes;
        public nint Next;
        public nint Name;
        public nint AppData;
        public delegate* unmanaged[Cdecl]<Vfs*, byte*, FileHead*, int, int*, int> Open;
        public nint Delete;
        public nint Access;
        public nint FullPathname;
        public nint DlOpen;
        public nint DlError;
        public nint DlSym;
        public nint DlClose;
        public nint Randomness;
        public nint Sleep;
        public nint CurrentTime;
        public nint GetLastError;
        public nint CurrentTimeInt64;
        public nint SetSystemCall;
        public nint GetSystemCall;
        public nint NextSystemCall;
    }

    /// <summary><c>sqlite3_io_methods</c>, version 3.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Methods
    {
        public int Version;
        public delegate* unmanaged[Cdecl]<FileHead*, int> Close;
        public delegate* unmanaged[Cdecl]<FileHead*, void*, int, long, int> Read;
        public delegate* unmanaged[Cdecl]<FileHead*, void*, int, long, int> Write;
        public delegate* unmanaged[Cdecl]<FileHead*, long, int> Truncate;
        public delegate* unmanaged[Cdecl]<FileHead*, int, int> Sync;
        public nint FileSize;
        public nint Lock;
        public nint Unlock;
        public nint CheckReservedLock;
        public nint FileControl;
        public nint SectorSize;
        public nint DeviceCharacteristics;
        public nint ShmMap;
        public nint ShmLock;
        public nint ShmBarrier;
        public nint ShmUnmap;
        public nint Fetch;
        public nint Unfetch;
    }
}
