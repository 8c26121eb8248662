using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Tasks;

/// <summary>Makes a task's result of its output. The engine knows no kind of work; who speaks the dialects does.</summary>
public interface IResultAssembler
{
    /// <summary>True for work whose bodies may be of any size: they need not be in the log.</summary>
    bool HasBodyApart(string kind) => false;

    /// <summary>The result that is stored and shown.</summary>
    /// <param name="row">The task.</param>
    /// <param name="publicId">Its id as clients see it, without a door's prefix.</param>
    /// <param name="output">The deltas of the attempt that completed, in order.</param>
    /// <param name="finish">What the host said at the end.</param>
    /// <param name="body">Of a body that is not all in <paramref name="output"/>: what there is of it.</param>
    ReadOnlyMemory<byte> Assemble(
        TaskRow row,
        string publicId,
        IReadOnlyList<TaskEvent> output,
        Messages.Finish finish,
        BodyFacts? body
    );
}

/// <summary>A body that is not in its task's log.</summary>
/// <param name="Bytes">How long it is.</param>
/// <param name="Checksum">The SHA-256 of what is kept; null: nothing is, it went to who read along.</param>
public sealed record BodyFacts(long Bytes, byte[]? Checksum);
