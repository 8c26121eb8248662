using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Pollard.Voice.Links;

/// <summary>The first thing that the side that has the call says on a connection: its id, with its length before it. There is no reply.</summary>
internal static class Hello
{
    private const int LengthBytes = sizeof(uint);

    /// <summary>The bytes of it.</summary>
    public static byte[] Of(CallId call)
    {
        var id = Encoding.ASCII.GetBytes(call.ToString());
        var hello = new byte[LengthBytes + id.Length];
        BinaryPrimitives.WriteUInt32BigEndian(hello, (uint)id.Length);
        id.CopyTo(hello, LengthBytes);
        return hello;
    }

    /// <summary>Says it.</summary>
    public static LinkGreeting Say(CallId call) => async (connection, ct) => await connection.WriteAsync(Of(call), ct);

    /// <summary>Hears it, and that it is of this call.</summary>
    public static LinkGreeting Hear(CallId call) =>
        async (connection, ct) =>
        {
            if (await connection.ReadHelloAsync(ct) is var said && said != call)
            {
                throw new FrameException($"it says that it is of call {said}");
            }
        };

    /// <summary>Takes it from what has come. False: not all of it is there yet.</summary>
    /// <exception cref="FrameException">It is none, or its id is none.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> input, out CallId call)
    {
        call = default;
        var reader = new SequenceReader<byte>(input);
        if (!reader.TryReadBigEndian(out int length))
        {
            return false;
        }

        if (length is <= 0 or > CallId.MostCharacters)
        {
            throw new FrameException($"a hello of {(uint)length} bytes; an id has 1 to {CallId.MostCharacters}");
        }

        if (reader.Remaining < length)
        {
            return false;
        }

        if (!CallId.TryParse(reader.UnreadSequence.Slice(0, length).ToArray(), out call))
        {
            throw new FrameException("a hello whose id is no id of a call");
        }

        reader.Advance(length);
        input = reader.UnreadSequence;
        return true;
    }
}
