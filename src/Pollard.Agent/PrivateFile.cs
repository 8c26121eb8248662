using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Pollard.Agent;

/// <summary>Files and folders that only the agent's own user may read.</summary>
internal static class PrivateFile
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes a file.</summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        using var file = Create(path, FileMode.Create);
        file.Write(bytes);
    }

    /// <summary>Opens a file at its end.</summary>
    public static FileStream Append(string path)
    {
        var file = Create(path, FileMode.OpenOrCreate);
        file.Seek(0, SeekOrigin.End);
        return file;
    }

    /// <summary>Writes beside the file and then over it: a crash leaves the old one or the new one.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Replace<T>(string path, T content, JsonTypeInfo<T> shape) =>
        Replace(path, JsonSerializer.SerializeToUtf8Bytes(content, shape));

    /// <summary>Writes beside the file and then over it: a crash leaves the old one or the new one.</summary>
    /// <exception cref="IOException">It cannot be written; nothing is left of it.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        var beside = $"{path}.{Path.GetRandomFileName()}"; // Another agent may have been started here by mistake.
        try
        {
            using (var stream = Create(beside, FileMode.CreateNew))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(beside, path, overwrite: true);
        }
        catch
        {
            File.Delete(beside); // On a full disk even an empty file takes room.
            throw;
        }
    }

    /// <summary>Deletes a file and, when that was the last in it, its folder.</summary>
    public static void Forget(string path)
    {
        try
        {
            File.Delete(path);
            var folder = Path.GetDirectoryName(path)!;
            if (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any())
            {
                Directory.Delete(folder);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It stays, which harms nobody.
        }
    }

    /// <summary>Makes a folder.</summary>
    public static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, Owner | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Opens a file to write.</summary>
    public static FileStream Create(string path, FileMode mode)
    {
        FileStreamOptions options = new() { Mode = mode, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = Owner;
        }

        return new FileStream(path, options);
    }
}
