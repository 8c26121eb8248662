using System.Threading.Channels;

namespace Pollard.Voice.Legs;

/// <summary>Where calls come in.</summary>
internal interface ILegSource : IAsyncDisposable
{
    /// <summary>What it is, in one line for people: <c>SIP at 0.0.0.0:5060</c>.</summary>
    string Name { get; }

    /// <summary>Calls that have been taken, and are the reader's from then on.</summary>
    ChannelReader<ICallLeg> Came { get; }

    /// <summary>Takes calls until <paramref name="ct"/> is set.</summary>
    Task RunAsync(CancellationToken ct);
}
