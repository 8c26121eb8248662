namespace Pollard.Voice.Links;

/// <summary>How a link is.</summary>
internal enum LinkState
{
    /// <summary>There was no connection yet.</summary>
    Connecting,

    /// <summary>There is one.</summary>
    Up,

    /// <summary>There is one, of which nothing is heard, or which takes nothing.</summary>
    Suspect,

    /// <summary>It broke, and another one is made.</summary>
    Down,

    /// <summary>There will be none any more.</summary>
    Closed,
}

/// <summary>Why a link is closed.</summary>
internal enum LinkEnd
{
    /// <summary>This side has ended it.</summary>
    Ended,

    /// <summary>The other side has said that the call is over.</summary>
    Bye,

    /// <summary>No connection could be made.</summary>
    GivenUp,

    /// <summary>Connections are made, and end at once: the other side wants none of them.</summary>
    Unwanted,
}

/// <summary>A link as people are shown it.</summary>
/// <param name="Name">Which of a call's links it is.</param>
/// <param name="Call">Whose.</param>
/// <param name="State">How it is.</param>
/// <param name="Peer">The other end; null where there is none.</param>
/// <param name="Since">When it came into its state.</param>
/// <param name="Reconnects">How often its connection was made anew.</param>
/// <param name="KeptBytes">What waits to be sent, or to be known to have arrived.</param>
internal sealed record LinkStatus(
    string Name,
    CallId Call,
    LinkState State,
    string? Peer,
    DateTimeOffset Since,
    int Reconnects,
    int KeptBytes
);
