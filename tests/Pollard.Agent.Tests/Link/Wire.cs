using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Link;

/// <summary>The gateway's end of an outbox.</summary>
internal sealed class Wire
{
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));

    public Wire(TimeProvider time) => Outbox = new FrameOutbox(_pipe.Writer, time, () => { });

    public FrameOutbox Outbox { get; }

    /// <summary>The frames that came, as words.</summary>
    public IReadOnlyList<string> Take() =>
        [
            .. TakeFrames()
                .Select(frame =>
                    frame.Header.Type switch
                    {
                        FrameType.Delta => $"Delta {frame.Header.Sequence} {Encoding.UTF8.GetString(frame.Payload)}",
                        FrameType.Finish => $"Finish {frame.Header.Sequence}",
                        _ => frame.Header.Type.ToString(),
                    }
                ),
        ];

    /// <summary>The bytes of output that came.</summary>
    public long TakeBytes() => TakeFrames().Sum(frame => frame.Payload.Length);

    /// <summary>The frames that came.</summary>
    public List<Frame> TakeFrames()
    {
        var frames = new List<Frame>();
        if (_pipe.Reader.TryRead(out var read))
        {
            var buffer = new ReadOnlySequence<byte>(read.Buffer.ToArray());
            _pipe.Reader.AdvanceTo(read.Buffer.End);
            while (FrameReader.TryRead(ref buffer, out var frame))
            {
                frames.Add(frame);
            }
        }

        return frames;
    }
}
