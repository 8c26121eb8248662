using System.Threading.Channels;

namespace Pollard.Voice.Links;

/// <summary>Where a call has no neighbour: what is said is heard by nobody, and nothing is heard.</summary>
internal sealed class NoLink(CallId call) : ICallLink
{
    private readonly Channel<LinkFrame> _nothing = Channel.CreateBounded<LinkFrame>(1);

    /// <inheritdoc/>
    public CallId Call => call;

    /// <inheritdoc/>
    public ChannelReader<LinkFrame> Incoming => _nothing.Reader;

    /// <inheritdoc/>
    public bool IsOver => _nothing.Reader.Completion.IsCompleted;

    /// <inheritdoc/>
    public bool TrySend(in LinkFrame frame) => true;

    /// <inheritdoc/>
    public void Close() => _nothing.Writer.TryComplete();
}
