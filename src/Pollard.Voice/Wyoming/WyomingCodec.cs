using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Pollard.Voice.Links;

namespace Pollard.Voice.Wyoming;

/// <summary>
/// Frames as Wyoming events, which is how our own services speak: sound is <c>audio-chunk</c> with 16 bits a sample, half of what floats
/// take, text has the event's type that Wyoming has for it, and what Wyoming has no word for begins with <c>x-</c>. Members of ours are in the data of each event, where other programs pass over them.
/// </summary>
/// <param name="textType">The event that text is: <c>transcript</c>, <c>synthesize</c>.</param>
internal sealed class WyomingCodec(string textType) : FrameCodec
{
    private const string Chunk = "audio-chunk";
    private const string Start = "x-start";
    private const string Flush = "x-flush";
    private const string Bye = "x-bye";
    private const string End = "audio-stop";
    private const string Ping = "ping";
    private const string Pong = "pong";
    private const string Ack = "x-ack";
    private const uint LeastRate = 8_000;
    private const uint MostRate = 192_000;
    private const float FullScale = 32_768;

    /// <inheritdoc/>
    public override bool HasSigns => true;

    /// <inheritdoc/>
    public override bool TryRead(ref ReadOnlySequence<byte> input, out LinkFrame frame)
    {
        frame = default;
        while (WyomingEvent.TryRead(ref input, out var said))
        {
            if (FrameOf(said) is { } known)
            {
                frame = known with { Number = said.Number("n"u8) ?? 0 };
                return true;
            }
        }

        return false; // What is not known is passed over: a newer peer may say more than we know.
    }

    /// <inheritdoc/>
    public override void Write(in LinkFrame frame, IBufferWriter<byte> output)
    {
        var (kind, mark, rate, chunk, number) = (frame.Kind, frame.Mark, frame.Rate, frame.Chunk, frame.Number);
        switch (kind)
        {
            case FrameKind.Audio:
                var samples = Narrow(frame.Payload.Span);
                WyomingEvent.Write(
                    output,
                    Chunk,
                    json =>
                    {
                        json.WriteNumber("rate"u8, rate);
                        json.WriteNumber("width"u8, sizeof(short));
                        json.WriteNumber("channels"u8, 1);
                        json.WriteNumber("seq"u8, chunk);
                        WriteMark(json, mark, number);
                    },
                    samples
                );
                break;
            case FrameKind.Text:
                var text = frame.Payload;
                WyomingEvent.Write(
                    output,
                    textType,
                    json =>
                    {
                        json.WriteString("text"u8, Encoding.UTF8.GetString(text.Span));
                        WriteMark(json, mark, number);
                    }
                );
                break;
            case FrameKind.Ping or FrameKind.Pong:
                WyomingEvent.Write(output, kind == FrameKind.Ping ? Ping : Pong);
                break;
            default:
                WyomingEvent.Write(
                    output,
                    TypeOf(kind),
                    json =>
                    {
                        json.WriteNumber("seq"u8, chunk);
                        WriteMark(json, mark, number);
                    }
                );
                break;
        }
    }

    private static string TypeOf(FrameKind kind) =>
        kind switch
        {
            FrameKind.Start => Start,
            FrameKind.Flush => Flush,
            FrameKind.Bye => Bye,
            FrameKind.Ack => Ack,
            _ => End,
        };

    private LinkFrame? FrameOf(in WyomingEvent said) =>
        said.Type switch
        {
            Chunk => SoundOf(said),
            Start => new LinkFrame(FrameKind.Start, Chunk: said.Number("seq"u8) ?? 0, Mark: MarkOf(said)),
            Flush => new LinkFrame(FrameKind.Flush, Mark: MarkOf(said)),
            Bye => new LinkFrame(FrameKind.Bye, Chunk: said.Number("seq"u8) ?? 0, Mark: MarkOf(said)),
            End => new LinkFrame(FrameKind.End, Mark: MarkOf(said)),
            Ping => new LinkFrame(FrameKind.Ping),
            Pong => new LinkFrame(FrameKind.Pong),
            Ack => new LinkFrame(FrameKind.Ack, Chunk: said.Number("seq"u8) ?? 0),
            var type when type == textType => new LinkFrame(
                FrameKind.Text,
                Encoding.UTF8.GetBytes(said.Text("text"u8) ?? ""),
                Mark: MarkOf(said)
            ),
            _ => null,
        };

    private static LinkFrame SoundOf(in WyomingEvent said)
    {
        if (
            said.Number("rate"u8) is not (>= LeastRate and <= MostRate and var rate)
            || said.Number("width"u8) != sizeof(short)
            || said.Number("channels"u8) != 1
            || said.Payload.Length % sizeof(short) != 0
        )
        {
            throw new FrameException(
                $"sound that is not 16 bits a sample, one channel, {LeastRate} to {MostRate} samples a second"
            );
        }

        return new LinkFrame(
            FrameKind.Audio,
            Widen(said.Payload.Span),
            (int)rate,
            said.Number("seq"u8) ?? 0,
            MarkOf(said)
        );
    }

    private static LinkMark MarkOf(in WyomingEvent said) =>
        new(
            said.Text("call_id"u8) is { } id && CallId.TryParse(id, out var call) ? call : default,
            said.Number("turn"u8) ?? 0,
            said.Number("gen"u8) ?? 0
        );

    private static void WriteMark(Utf8JsonWriter json, LinkMark mark, uint number)
    {
        if (number != 0)
        {
            json.WriteNumber("n"u8, number);
        }

        if (mark == default)
        {
            return;
        }

        json.WriteString("call_id"u8, mark.Call.ToString());
        json.WriteNumber("turn"u8, mark.Turn);
        json.WriteNumber("gen"u8, mark.Generation);
    }

    /// <summary>Floats as 16 bits. What is too loud is cut, and what is no number is silence.</summary>
    private static byte[] Narrow(ReadOnlySpan<byte> floats)
    {
        if (floats.Length % sizeof(float) != 0)
        {
            throw new FrameException($"sound of {floats.Length} bytes, which are no whole samples");
        }

        var narrow = new byte[floats.Length / 2];
        for (var i = 0; i < narrow.Length / sizeof(short); i++)
        {
            var sample = BinaryPrimitives.ReadSingleLittleEndian(floats[(i * sizeof(float))..]);
            var whole = float.IsNaN(sample)
                ? 0
                : Math.Clamp(MathF.Round(sample * FullScale), short.MinValue, short.MaxValue);
            BinaryPrimitives.WriteInt16LittleEndian(narrow.AsSpan(i * sizeof(short)), (short)whole);
        }

        return narrow;
    }

    private static byte[] Widen(ReadOnlySpan<byte> shorts)
    {
        var wide = new byte[shorts.Length * 2];
        for (var i = 0; i < shorts.Length / sizeof(short); i++)
        {
            var sample = BinaryPrimitives.ReadInt16LittleEndian(shorts[(i * sizeof(short))..]) / FullScale;
            BinaryPrimitives.WriteSingleLittleEndian(wide.AsSpan(i * sizeof(float)), sample);
        }

        return wide;
    }
}
