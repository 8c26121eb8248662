using System.Threading.Channels;

namespace Pollard.Voice.Links;

/// <summary>What a stage knows of a neighbour in a call: what is said to it, and what it says. How they are connected is not its concern.</summary>
internal interface ICallLink
{
    /// <summary>The call.</summary>
    CallId Call { get; }

    /// <summary>What the neighbour says; ends when the call is over, or the neighbour is gone for good.</summary>
    ChannelReader<LinkFrame> Incoming { get; }

    /// <summary>Whether nothing more comes but what waits to be read. A neighbour that is lost may come back, and is not over.</summary>
    bool IsOver { get; }

    /// <summary>
    /// Says something, now or as soon as the neighbour is there. What the wire has no word for is left out. False: too much waits, or the
    /// call is over, and it is not taken.
    /// </summary>
    bool TrySend(in LinkFrame frame);

    /// <summary>The call is over: the neighbour is told so.</summary>
    void Close();
}

/// <summary>Neighbours that bring calls.</summary>
internal interface ICallSource
{
    /// <summary>
    /// Calls as they come. One that is known already comes again when its neighbour was started anew: the newest is the one that counts.
    /// </summary>
    ChannelReader<ICallLink> Came { get; }

    /// <summary>How the links are.</summary>
    IReadOnlyList<LinkStatus> Look();

    /// <summary>Takes calls until <paramref name="ct"/> is set.</summary>
    Task RunAsync(CancellationToken ct);
}

/// <summary>A neighbour to which calls are brought.</summary>
internal interface ICallTarget
{
    /// <summary>Brings it a call, whether it is there already or not.</summary>
    /// <exception cref="InvalidOperationException">It has the call already, or cannot have so many; the message says which.</exception>
    ICallLink Open(CallId call);

    /// <summary>How the links are.</summary>
    IReadOnlyList<LinkStatus> Look();

    /// <summary>Keeps the connections until <paramref name="ct"/> is set.</summary>
    Task RunAsync(CancellationToken ct);
}
