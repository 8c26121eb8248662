using System.Buffers.Binary;
using Pollard.Protocol.HostLink;

namespace Pollard.Tasks.Events;

/// <summary>
/// A run of events as the store keeps it, so that a commit writes one row and not one a token. Each event is 16 bytes
/// (type u8, kind u8, choice u16, milliseconds i64, length i32) and its data; numbers are little-endian.
/// </summary>
/// <param name="FirstSeq">The number of the first event.</param>
/// <param name="Count">How many events.</param>
/// <param name="Body">Their bytes.</param>
public sealed record EventSegment(int FirstSeq, int Count, ReadOnlyMemory<byte> Body)
{
    private const int HeaderBytes = 16;

    /// <summary>Packs events that follow each other.</summary>
    public static EventSegment Pack(ReadOnlySpan<TaskEvent> events)
    {
        var size = 0;
        foreach (ref readonly var item in events)
        {
            size += HeaderBytes + item.Data.Length;
        }

        var body = new byte[size];
        var rest = body.AsSpan();
        foreach (ref readonly var item in events)
        {
            rest[0] = (byte)item.Type;
            rest[1] = (byte)item.Kind;
            BinaryPrimitives.WriteUInt16LittleEndian(rest[2..], item.Choice);
            BinaryPrimitives.WriteInt64LittleEndian(rest[4..], item.UnixMilliseconds);
            BinaryPrimitives.WriteInt32LittleEndian(rest[12..], item.Data.Length);
            item.Data.Span.CopyTo(rest[HeaderBytes..]);
            rest = rest[(HeaderBytes + item.Data.Length)..];
        }

        return new EventSegment(events[0].Seq, events.Length, body);
    }

    /// <summary>Unpacks the events numbered <paramref name="from"/> and above into <paramref name="events"/>. Their data are slices of the body.</summary>
    /// <exception cref="InvalidDataException">The body is damaged.</exception>
    public void Unpack(ICollection<TaskEvent> events, int from = 0)
    {
        var rest = Body;
        for (var i = 0; i < Count; i++)
        {
            if (rest.Length < HeaderBytes)
            {
                throw new InvalidDataException($"Event {FirstSeq + i} is cut off.");
            }

            var header = rest.Span;
            var length = BinaryPrimitives.ReadInt32LittleEndian(header[12..]);
            if (length < 0 || length > rest.Length - HeaderBytes)
            {
                throw new InvalidDataException($"Event {FirstSeq + i} is cut off.");
            }

            if (FirstSeq + i >= from)
            {
                events.Add(
                    new TaskEvent(
                        FirstSeq + i,
                        BinaryPrimitives.ReadInt64LittleEndian(header[4..]),
                        (TaskEventType)header[0],
                        (DeltaKind)header[1],
                        BinaryPrimitives.ReadUInt16LittleEndian(header[2..]),
                        rest.Slice(HeaderBytes, length)
                    )
                );
            }

            rest = rest[(HeaderBytes + length)..];
        }
    }
}
