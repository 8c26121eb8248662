using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Pollard.Storage.Sqlite;

/// <summary>
/// A thin layer between SQLite and its own file layer. It hands every file that is opened to <see cref="VfsFile"/>, which syncs
/// by fdatasync, writes the log in large pieces, and lets tests make files fail.
/// </summary>
internal static unsafe class SyncVfs
{
    private const string Name = "pollard";
    private static readonly Lock Gate = new();
    private static nint _vfs;
    private static Vfs* _base;

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
    private static int Open(Vfs* vfs, byte* name, VfsFileHead* file, int flags, int* outFlags)
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
                VfsFile.Wrap(file, path);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            // The file keeps SQLite's functions. Nothing may be thrown through C.
        }

        return code;
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
        public delegate* unmanaged[Cdecl]<Vfs*, byte*, VfsFileHead*, int, int*, int> Open;
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
}

/// <summary><c>sqlite3_file</c>; the file layer's own members follow.</summary>
internal unsafe struct VfsFileHead
{
    public VfsMethods* Methods;
}

/// <summary><c>sqlite3_io_methods</c>, version 3.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct VfsMethods
{
    public int Version;
    public delegate* unmanaged[Cdecl]<VfsFileHead*, int> Close;
    public delegate* unmanaged[Cdecl]<VfsFileHead*, void*, int, long, int> Read;
    public delegate* unmanaged[Cdecl]<VfsFileHead*, void*, int, long, int> Write;
    public delegate* unmanaged[Cdecl]<VfsFileHead*, long, int> Truncate;
    public delegate* unmanaged[Cdecl]<VfsFileHead*, int, int> Sync;
    public delegate* unmanaged[Cdecl]<VfsFileHead*, long*, int> FileSize;
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
