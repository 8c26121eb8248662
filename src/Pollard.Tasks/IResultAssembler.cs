using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Tasks;

/// <summary>Makes a task's result of its output. The engine knows no kind of work; who speaks the dialects does.</summary>
public interface IResultAssembler
{
    /// <summary>The result that is stored and shown.</summary>
    /// <param name="row">The task.</param>
    /// <param name="publicId">Its id as clients see it, without a door's prefix.</param>
    /// <param name="output">The deltas of the attempt that completed, in order.</param>
    /// <param name="finish">What the host said at the end.</param>
    ReadOnlyMemory<byte> Assemble(
        TaskRow row,
        string publicId,
        IReadOnlyList<TaskEvent> output,
        Messages.Finish finish
    );
}
