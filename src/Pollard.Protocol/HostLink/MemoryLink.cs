using System.IO.Pipelines;

namespace Pollard.Protocol.HostLink;

/// <summary>The carrier between an agent and a gateway in one process: two pipes, no socket.</summary>
public static class MemoryLink
{
    // Inline: who writes a frame runs the other end's reader, which only sorts frames and never blocks. That saves a hop of
    // threads in each direction.
    private static readonly PipeOptions Options = new(
        readerScheduler: PipeScheduler.Inline,
        writerScheduler: PipeScheduler.Inline,
        pauseWriterThreshold: 1024 * 1024,
        resumeWriterThreshold: 512 * 1024,
        useSynchronizationContext: false
    );

    /// <summary>Makes both ends of one link.</summary>
    public static (IDuplexPipe Gateway, IDuplexPipe Agent) Create()
    {
        var down = new Pipe(Options);
        var up = new Pipe(Options);
        return (new DuplexPipe(up.Reader, down.Writer), new DuplexPipe(down.Reader, up.Writer));
    }
}

/// <summary>A reader and a writer that belong together.</summary>
internal sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;
