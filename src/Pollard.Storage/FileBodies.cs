using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Storage;

/// <summary>Bodies as files in a directory, each by the name of its task. Only this user can read them.</summary>
public sealed class FileBodies : IBodyStore
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly string _directory;

    /// <summary>Bodies in this directory, which is made with the first of them.</summary>
    public FileBodies(string directory) => _directory = directory;

    /// <inheritdoc/>
    public IBodyWriter Create(TaskId task)
    {
        Directory.CreateDirectory(_directory);
        var path = PathOf(task);
        File.Delete(path); // Not emptied: who wrote to it before goes on with a file that has no name any more.
        return new Writer(Open(path, FileMode.CreateNew), 0);
    }

    /// <inheritdoc/>
    public IBodyWriter Continue(TaskId task, long length)
    {
        var handle = Open(PathOf(task), FileMode.Open);
        if (RandomAccess.GetLength(handle) < length)
        {
            handle.Dispose();
            throw new IOException($"The body of a task is shorter than the {length} bytes that were written.");
        }

        RandomAccess.SetLength(handle, length);
        return new Writer(handle, length);
    }

    /// <inheritdoc/>
    public Stream? Read(TaskId task)
    {
        try
        {
            return new FileStream(
                PathOf(task),
                new FileStreamOptions
                {
                    Access = FileAccess.Read,
                    Share = FileShare.ReadWrite | FileShare.Delete,
                    Options = FileOptions.Asynchronous | FileOptions.SequentialScan,
                    BufferSize = 0,
                }
            );
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Delete(TaskId task)
    {
        if (Directory.Exists(_directory))
        {
            File.Delete(PathOf(task));
        }
    }

    /// <inheritdoc/>
    public IEnumerable<(TaskId Task, long Bytes)> List()
    {
        var directory = new DirectoryInfo(_directory);
        foreach (var file in directory.Exists ? directory.EnumerateFiles() : [])
        {
            if (long.TryParse(file.Name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var task))
            {
                yield return (new TaskId(task), file.Length);
            }
        }
    }

    private static SafeFileHandle Open(string path, FileMode mode)
    {
        var handle = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(handle, OwnerOnly);
        }

        return handle;
    }

    private string PathOf(TaskId task) =>
        Path.Combine(_directory, task.Value.ToString("x16", CultureInfo.InvariantCulture));

    private sealed class Writer : IBodyWriter
    {
        private const int ReadBytes = 128 * 1024;
        private readonly SafeFileHandle _file;
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public Writer(SafeFileHandle file, long length)
        {
            _file = file;
            var buffer = new byte[Math.Min(ReadBytes, length)];
            while (Length < length)
            {
                var read = RandomAccess.Read(
                    file,
                    buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - Length)),
                    Length
                );
                if (read == 0)
                {
                    throw new IOException("The body of a task became shorter while it was read.");
                }

                _hash.AppendData(buffer, 0, read);
                Length += read;
            }
        }

        public long Length { get; private set; }

        public void Write(in ReadOnlySequence<byte> data)
        {
            foreach (var part in data)
            {
                RandomAccess.Write(_file, part.Span, Length);
                _hash.AppendData(part.Span);
                Length += part.Length;
            }
        }

        public Task FlushAsync() => Task.Run(() => RandomAccess.FlushToDisk(_file));

        public byte[] Checksum() => _hash.GetCurrentHash();

        public void Abandon()
        {
            RandomAccess.SetLength(_file, 0); // By its handle: the name may be another body's by now.
            Dispose();
        }

        public void Dispose()
        {
            _file.Dispose();
            _hash.Dispose();
        }
    }
}
