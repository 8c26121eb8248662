using System.Net;

namespace Pollard.Voice.Legs.Sip;

/// <summary>A way to another side, on which messages come and go.</summary>
/// <param name="Remote">The other side.</param>
/// <param name="Stream">Its connection; null: it is datagrams.</param>
internal sealed record SipFlow(IPEndPoint Remote, SipStream? Stream)
{
    /// <summary>Whether nothing is lost on it, and nothing need be sent again.</summary>
    public bool IsTcp => Stream is not null;

    /// <inheritdoc/>
    public override string ToString() => $"{Remote} ({(IsTcp ? "TCP" : "UDP")})";
}
