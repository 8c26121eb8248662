using System.Buffers;
using System.Security.Cryptography;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>What an agent uploads, on disk until it is handed on. The file goes when this is disposed.</summary>
internal sealed class TeleportFile : IAsyncDisposable, IDisposable
{
    private const int CopyBytes = 64 * 1024;
    private const int BufferBytes = 1; // None: all is read and written in large pieces.
    private readonly FileStream _file;

    private TeleportFile(FileStream file) => _file = file;

    /// <summary>Bytes.</summary>
    public long Length => _file.Length;

    /// <summary>A new file.</summary>
    /// <exception cref="RejectedException">The disk takes none.</exception>
    public static TeleportFile Create(string directory)
    {
        try
        {
            var path = Path.Combine(directory, RandomNumberGenerator.GetHexString(32, lowercase: true) + ".part");
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                BufferSize = BufferBytes,
                Options = FileOptions.Asynchronous | FileOptions.DeleteOnClose,
            };
            return new TeleportFile(new FileStream(path, options)); // Its directory is for nobody else.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw NoDisk();
        }
    }

    /// <summary>Takes all of a stream.</summary>
    /// <param name="from">The stream.</param>
    /// <param name="most">Bytes that are taken at the most.</param>
    /// <param name="ct">Gives up.</param>
    /// <returns>False when there are more; what was taken is good for nothing then.</returns>
    /// <exception cref="RejectedException">The disk is full.</exception>
    public async Task<bool> FillAsync(Stream from, long most, CancellationToken ct)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            var looksAt = 0L;
            while (await from.ReadAsync(buffer, ct) is var read and > 0)
            {
                if (_file.Position + read > most)
                {
                    return false;
                }

                if (_file.Position >= looksAt)
                {
                    RequireRoom(_file.Name);
                    looksAt = _file.Position + TeleportLimits.LookEveryBytes;
                }

                await WriteAsync(buffer.AsMemory(0, read), ct);
            }

            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads it from its beginning. Only one reader at a time.</summary>
    public Stream Read()
    {
        _file.Position = 0;
        return _file;
    }

    /// <summary>Keeps a copy of it, whole or not at all.</summary>
    /// <exception cref="RejectedException">The disk is full.</exception>
    public async Task SaveAsync(string path, CancellationToken ct)
    {
        try
        {
            var part = path + ".part";
            await using (var copy = File.Create(part))
            {
                await Read().CopyToAsync(copy, ct);
            }

            File.Move(part, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw NoDisk();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _file.DisposeAsync();

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> piece, CancellationToken ct)
    {
        try
        {
            await _file.WriteAsync(piece, ct);
        }
        catch (IOException)
        {
            throw NoDisk();
        }
    }

    private static void RequireRoom(string path)
    {
        if (new DriveInfo(path).AvailableFreeSpace < TeleportLimits.LeastFreeBytes)
        {
            throw NoDisk();
        }
    }

    private static RejectedException NoDisk() =>
        new(new DoorError(503, "store_read_only", "the gateway's disk takes no uploads at the moment"));
}
