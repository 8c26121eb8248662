using System.Threading.Channels;

namespace Pollard.Voice.Legs;

/// <summary>Calls that have come and wait for somebody to read them.</summary>
/// <param name="most">Calls that may wait, 1 or more.</param>
internal sealed class ComingLegs(int most)
{
    private readonly Channel<ICallLeg> _legs = Channel.CreateBounded<ICallLeg>(most);

    /// <summary>Gives them.</summary>
    public ChannelReader<ICallLeg> Reader => _legs.Reader;

    /// <summary>Adds one; false: too many wait, or no more are taken.</summary>
    public bool TryAdd(ICallLeg leg) => _legs.Writer.TryWrite(leg);

    /// <summary>No more are taken. Those that nobody has read are let go.</summary>
    public async ValueTask CloseAsync()
    {
        _legs.Writer.TryComplete();
        while (_legs.Reader.TryRead(out var leg))
        {
            await leg.DisposeAsync();
        }
    }
}
