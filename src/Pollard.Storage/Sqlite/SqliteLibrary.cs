using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Pollard.Storage.Sqlite;

/// <summary>
/// Finds SQLite inside the program. A published <c>pollard</c> is one file, so it carries the same library that a build has
/// beside it, and loads it from memory: nothing is written to disk.
/// </summary>
public static partial class SqliteLibrary
{
    private const string ResourceName = "libe_sqlite3";
    private const uint CloseOnExec = 1;
    private const uint Executable = 0x10; // Kernels since 6.3 may ask for it; older ones do not know it.
    private static readonly Lock Gate = new();
    private static nint _handle;

    /// <summary>Looks into <paramref name="program"/> first when SQLite is called for the first time, and else beside it.</summary>
    public static void UseFrom(Assembly program) =>
        NativeLibrary.SetDllImportResolver(
            typeof(SqliteLibrary).Assembly,
            (name, _, _) => name == SqliteNative.Library ? Find(program) : 0
        );

    private static nint Find(Assembly program)
    {
        lock (Gate)
        {
            if (_handle == 0 && OperatingSystem.IsLinux())
            {
                using var library = program.GetManifestResourceStream(ResourceName);
                _handle = library is null ? 0 : Load(library);
            }

            return _handle;
        }
    }

    private static nint Load(Stream library)
    {
        var descriptor = CreateMemoryFile(ResourceName, CloseOnExec | Executable);
        if (descriptor < 0)
        {
            descriptor = CreateMemoryFile(ResourceName, CloseOnExec);
        }

        if (descriptor < 0)
        {
            return 0; // Forbidden here: the library may still lie beside the program.
        }

        using var file = new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Write);
        library.CopyTo(file);
        file.Flush();
        return NativeLibrary.TryLoad($"/proc/self/fd/{descriptor}", out var handle) ? handle : 0;
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);
}
