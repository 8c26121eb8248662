using System.Buffers;

namespace Pollard.Simulators;

/// <summary>What one piece of an answer is.</summary>
internal enum PieceKind
{
    Reasoning,
    Content,
    ToolCall,
}

/// <summary>How one API writes an answer.</summary>
internal abstract class ReplyDialect
{
    /// <summary>The content type of a streamed answer.</summary>
    public abstract string StreamType { get; }

    /// <summary>What comes before the first piece of each answer.</summary>
    public virtual void Begin(IBufferWriter<byte> output, int choice) { }

    /// <summary>One piece of one answer.</summary>
    public abstract void Piece(IBufferWriter<byte> output, int choice, PieceKind kind, string text, Reply reply);

    /// <summary>What closes the stream.</summary>
    public abstract void End(IBufferWriter<byte> output, IReadOnlyList<Reply> replies);

    /// <summary>The answer in one piece.</summary>
    public abstract void Whole(IBufferWriter<byte> output, IReadOnlyList<Reply> replies);

    /// <summary>Says in the stream that something went wrong.</summary>
    public abstract void Error(IBufferWriter<byte> output, string message);
}
