using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace Pollard.Protocol.HostLink;

/// <summary>
/// The payload of an offer: a little-endian u32 with the length of the header, the header in JSON (<see cref="Messages.Offer"/>),
/// then the task's request as the client sent it. It is cut into frames of at most <see cref="LinkLimits.FramePayloadBytes"/>;
/// all but the last bear <see cref="FrameHeader.More"/>.
/// </summary>
public static class OfferPayload
{
    /// <summary>Writes the frames of one offer.</summary>
    public static void Write(
        IBufferWriter<byte> output,
        uint attempt,
        Messages.Offer offer,
        ReadOnlyMemory<byte> request
    )
    {
        var header = JsonSerializer.SerializeToUtf8Bytes(offer, ProtocolJson.Default.Offer);
        var total = 4 + header.Length + request.Length;
        if (total <= LinkLimits.FramePayloadBytes)
        {
            var span = output.GetSpan(FrameHeader.Size + total);
            new FrameHeader(FrameType.Offer, 0, 0, attempt, 0, (uint)total).WriteTo(span);
            Fill(span[FrameHeader.Size..], header, request.Span);
            output.Advance(FrameHeader.Size + total);
            return;
        }

        var whole = ArrayPool<byte>.Shared.Rent(total);
        Fill(whole, header, request.Span);
        for (var at = 0; at < total; at += LinkLimits.FramePayloadBytes)
        {
            var length = Math.Min(LinkLimits.FramePayloadBytes, total - at);
            var flags = at + length < total ? FrameHeader.More : (byte)0;
            FrameWriter.Write(output, FrameType.Offer, attempt, whole.AsSpan(at, length), flags: flags);
        }

        ArrayPool<byte>.Shared.Return(whole);
    }

    /// <summary>Reads the joined payloads of one offer. The request is a slice of <paramref name="payload"/>.</summary>
    /// <exception cref="LinkException">The bytes are no offer.</exception>
    public static (Messages.Offer Offer, ReadOnlyMemory<byte> Request) Read(ReadOnlyMemory<byte> payload)
    {
        if (payload.Length < 4)
        {
            throw new LinkException("an offer is shorter than its own length");
        }

        var headerBytes = BinaryPrimitives.ReadUInt32LittleEndian(payload.Span);
        if (headerBytes > payload.Length - 4)
        {
            throw new LinkException("the header of an offer is longer than the offer");
        }

        var offer = LinkJson.Read(payload.Span.Slice(4, (int)headerBytes), ProtocolJson.Default.Offer);
        if (offer.Attempt is null || offer.Task is null || offer.Kind is null || offer.Model is null)
        {
            throw new LinkException("an offer needs an attempt, a task, a kind and a model");
        }

        return (offer, payload[(4 + (int)headerBytes)..]);
    }

    private static void Fill(Span<byte> destination, ReadOnlySpan<byte> header, ReadOnlySpan<byte> request)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, (uint)header.Length);
        header.CopyTo(destination[4..]);
        request.CopyTo(destination[(4 + header.Length)..]);
    }
}
