using System.Text;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Continuing;

/// <summary>An answer that is given anew: compares it with what was shown and leaves that out.</summary>
internal sealed class ReplayedOutput(IWorkOutput output, Messages.Continue answer) : IWorkOutput
{
    private readonly byte[] _reasoning = Encoding.UTF8.GetBytes(answer.Reasoning ?? "");
    private readonly byte[] _text = Encoding.UTF8.GetBytes(answer.Text);
    private int _reasoningSaid;
    private int _textSaid;

    private bool IsThrough => _reasoningSaid == _reasoning.Length && _textSaid == _text.Length;

    /// <inheritdoc/>
    /// <exception cref="BackendException">It is another answer this time.</exception>
    public ValueTask WriteAsync(
        DeltaKind kind,
        ushort choice,
        ReadOnlyMemory<byte> data,
        CancellationToken cancellationToken
    ) =>
        IsThrough || kind == DeltaKind.Progress
            ? output.WriteAsync(kind, choice, data, cancellationToken)
            : CompareAsync(kind, choice, data, cancellationToken);

    /// <summary>How it ended: an answer that ends before it was through is another one.</summary>
    public WorkResult Judge(WorkResult result) =>
        result.Finish is not null && !IsThrough ? WorkResult.Failed(Diverged()) : result;

    private async ValueTask CompareAsync(DeltaKind kind, ushort choice, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        var same = (kind, choice) switch
        {
            (DeltaKind.Reasoning, 0) => Same(data.Span, _reasoning, ref _reasoningSaid),
            (DeltaKind.Content, 0) when _reasoningSaid == _reasoning.Length => Same(data.Span, _text, ref _textSaid),
            _ => 0,
        };
        if (same == data.Length)
        {
            return;
        }

        if (!IsThrough)
        {
            throw new BackendException(Diverged());
        }

        await output.WriteAsync(kind, choice, data[same..], ct);
    }

    // How many of these bytes were shown; more may follow them only where all of it was.
    private static int Same(ReadOnlySpan<byte> data, ReadOnlySpan<byte> shown, ref int said)
    {
        var same = data.CommonPrefixLength(shown[said..]);
        said += same;
        return same;
    }

    private static Messages.Fail Diverged() =>
        new()
        {
            Code = "replay_diverged",
            Message = "the model gave another answer than the host that was lost",
            Retryable = false,
        };
}
