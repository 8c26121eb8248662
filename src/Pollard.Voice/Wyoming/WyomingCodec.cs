using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Frozen;
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
    private const string Key = "x-key";
    private const uint LeastRate = 8_000;
    private const uint MostRate = 192_000;
    private const float FullScale = 32_768;

    /// <summary>Those whose event says no more than what every frame has.</summary>
    private static readonly FrozenDictionary<string, FrameKind> Kinds = new Dictionary<string, FrameKind>(
        StringComparer.Ordinal
    )
    {
        ["audio-stop"] = FrameKind.End,
        ["ping"] = FrameKind.Ping,
        ["pong"] = FrameKind.Pong,
        ["x-start"] = FrameKind.Start,
        ["x-ready"] = FrameKind.Ready,
        ["x-done"] = FrameKind.Done,
        ["x-key-done"] = FrameKind.KeyDone,
        ["x-flush"] = FrameKind.Flush,
        ["x-hold"] = FrameKind.Hold,
        ["x-resume"] = FrameKind.Resume,
        ["x-played"] = FrameKind.Played,
        ["x-cut"] = FrameKind.Cut,
        ["x-bye"] = FrameKind.Bye,
        ["x-ack"] = FrameKind.Ack,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<FrameKind, string> Types = Kinds.ToFrozenDictionary(
        static one => one.Value,
        static one => one.Key
    );

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
                frame = known;
                return true;
            }
        }

        return false; // What is not known is passed over: a newer peer may say more than we know.
    }

    /// <inheritdoc/>
    public override void Write(in LinkFrame frame, IBufferWriter<byte> output)
    {
        var said = frame; // What writes the members may not hold on to what is only lent.
        switch (frame.Kind)
        {
            case FrameKind.Audio:
                WyomingEvent.Write(
                    output,
                    Chunk,
                    json =>
                    {
                        json.WriteNumber("rate"u8, said.Rate);
                        json.WriteNumber("width"u8, sizeof(short));
                        json.WriteNumber("channels"u8, 1);
                        WriteCommon(json, said);
                    },
                    Narrow(frame.Payload.Span)
                );
                break;
            case FrameKind.Text or FrameKind.Key:
                WyomingEvent.Write(
                    output,
                    frame.Kind == FrameKind.Text ? textType : Key,
                    json =>
                    {
                        json.WriteString("text"u8, Encoding.UTF8.GetString(said.Payload.Span));
                        WriteCommon(json, said);
                    }
                );
                break;
            case FrameKind.Ping or FrameKind.Pong:
                WyomingEvent.Write(output, Types[frame.Kind]);
                break;
            default:
                WyomingEvent.Write(output, Types[frame.Kind], json => WriteCommon(json, said));
                break;
        }
    }

    private LinkFrame? FrameOf(in WyomingEvent said)
    {
        if (said.Type == Chunk)
        {
            return Common(SoundOf(said), said);
        }

        if (said.Type == textType || said.Type == Key)
        {
            var text = Encoding.UTF8.GetBytes(said.Text("text"u8) ?? "");
            return Common(new LinkFrame(said.Type == Key ? FrameKind.Key : FrameKind.Text, text), said);
        }

        return Kinds.TryGetValue(said.Type, out var kind) ? Common(new LinkFrame(kind), said) : null;
    }

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

        return new LinkFrame(FrameKind.Audio, Widen(said.Payload.Span), (int)rate);
    }

    /// <summary>A frame with the members that every event may have.</summary>
    private static LinkFrame Common(LinkFrame frame, in WyomingEvent said) =>
        frame with
        {
            Chunk = said.Number("seq"u8) ?? 0,
            Mark = new SpeechMark(
                said.Number("turn"u8) ?? 0,
                said.Number("gen"u8) ?? 0,
                said.Number("sentence"u8) ?? 0
            ),
            Call = said.Text("call_id"u8) is { } id && CallId.TryParse(id, out var call) ? call : default,
            Number = said.Number("n"u8) ?? 0,
        };

    private static void WriteCommon(Utf8JsonWriter json, in LinkFrame frame)
    {
        if (frame.Call != default)
        {
            json.WriteString("call_id"u8, frame.Call.ToString());
        }

        WriteNumber(json, "seq"u8, frame.Chunk);
        WriteNumber(json, "turn"u8, frame.Mark.Turn);
        WriteNumber(json, "gen"u8, frame.Mark.Generation);
        WriteNumber(json, "sentence"u8, frame.Mark.Sentence);
        WriteNumber(json, "n"u8, frame.Number);
    }

    private static void WriteNumber(Utf8JsonWriter json, ReadOnlySpan<byte> name, uint number)
    {
        if (number != 0)
        {
            json.WriteNumber(name, number);
        }
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
