using System.Text;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Continuing;

/// <summary>Leaves out what was shown already: the blanks that were cut from the end of the beginning, when the model says them again.</summary>
internal sealed class SeamOutput(IWorkOutput output, string blanks) : IWorkOutput
{
    private readonly byte[] _blanks = Encoding.UTF8.GetBytes(blanks);
    private int _left = Encoding.UTF8.GetByteCount(blanks);

    /// <inheritdoc/>
    public ValueTask WriteAsync(
        DeltaKind kind,
        ushort choice,
        ReadOnlyMemory<byte> data,
        CancellationToken cancellationToken
    )
    {
        if (_left > 0 && kind == DeltaKind.Content)
        {
            var same = data.Span.CommonPrefixLength(_blanks.AsSpan(_blanks.Length - _left));
            data = data[same..];
            _left = data.IsEmpty ? _left - same : 0; // After the first other character all is new.
        }

        return output.WriteAsync(kind, choice, data, cancellationToken);
    }
}
