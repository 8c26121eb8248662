using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>What a look into a packed body has found.</summary>
internal enum PackedFault : byte
{
    /// <summary>It can be unpacked.</summary>
    None,

    /// <summary>It is no gzip, or not all of one.</summary>
    Broken,

    /// <summary>It is too much once it is unpacked.</summary>
    TooLarge,
}

/// <summary>Bodies that agents have packed with gzip (they call them zip). All is looked at before any of it is handed on.</summary>
internal static class PackedBody
{
    private const int PieceBytes = 64 * 1024;
    private const int LeastBytes = 18; // Header and trailer of an empty gzip.

    /// <summary>Looks through the whole of it.</summary>
    public static async Task<PackedFault> CheckAsync(TeleportFile file, CancellationToken ct)
    {
        if (file.Length < LeastBytes)
        {
            return PackedFault.Broken;
        }

        var most = Math.Min(
            TeleportLimits.UploadBytes,
            Math.Max(TeleportLimits.UnpackedFreely, file.Length * TeleportLimits.UnpackRatio)
        );
        var piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            var bytes = 0L;
            await using (var unpacked = Unpack(file))
            {
                while (await unpacked.ReadAsync(piece, ct) is var read and > 0)
                {
                    bytes += read;
                    if (bytes > most)
                    {
                        return PackedFault.TooLarge;
                    }
                }
            }

            return await SaysAsync(file, ct) == (uint)bytes ? PackedFault.None : PackedFault.Broken;
        }
        catch (InvalidDataException)
        {
            return PackedFault.Broken;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    /// <summary>What is in it, from its beginning.</summary>
    public static Stream Unpack(TeleportFile file) =>
        new GZipStream(file.Read(), CompressionMode.Decompress, leaveOpen: true);

    // How long it is, modulo 2^32, stands at its end: one that was cut off between two blocks would pass without it.
    private static async Task<uint> SaysAsync(TeleportFile file, CancellationToken ct)
    {
        var stream = file.Read();
        stream.Seek(-sizeof(uint), SeekOrigin.End);
        var trailer = new byte[sizeof(uint)];
        await stream.ReadExactlyAsync(trailer, ct);
        return BinaryPrimitives.ReadUInt32LittleEndian(trailer);
    }
}
