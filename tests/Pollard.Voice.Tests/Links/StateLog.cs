using System.Threading.Channels;
using Pollard.Voice.Links;

namespace Pollard.Voice.Tests.Links;

/// <summary>The states that a link comes into.</summary>
internal sealed class StateLog
{
    private readonly Channel<LinkState> _states = Channel.CreateBounded<LinkState>(1_000);

    public void Add(LinkState state) => _states.Writer.TryWrite(state);

    /// <summary>Waits until the link comes into this one, of those that were not looked at.</summary>
    public async Task UntilAsync(LinkState state)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (await _states.Reader.ReadAsync(limit.Token) != state)
        {
            // Another one.
        }
    }
}
