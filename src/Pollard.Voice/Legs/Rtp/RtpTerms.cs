using System.Net;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Legs.Rtp;

/// <summary>What was agreed with a phone about its sound.</summary>
/// <param name="Remote">Where it says it hears; null: it says nothing, and who sends first is believed.</param>
/// <param name="Law">How we pack sound for it. It may send either law.</param>
/// <param name="EventType">The payload type of its keys; null: it sends none.</param>
/// <param name="WeSend">Whether it wants to hear us.</param>
/// <param name="TheySend">Whether it sends; false: we are on hold, and silence is no sign that it is gone.</param>
internal sealed record RtpTerms(IPEndPoint? Remote, G711Law Law, byte? EventType, bool WeSend, bool TheySend)
{
    /// <summary>The payload type that keys usually have where nothing is agreed on.</summary>
    public const byte UsualEventType = 101;

    /// <summary>The payload type of a law.</summary>
    public static byte TypeOf(G711Law law) => law == G711Law.Mu ? (byte)0 : (byte)8;

    /// <summary>The law of a payload type; null: it is none of ours.</summary>
    public static G711Law? LawOf(int type) =>
        type switch
        {
            0 => G711Law.Mu,
            8 => G711Law.A,
            _ => null,
        };
}
