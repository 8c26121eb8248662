using System.Net;
using Pollard.Voice.Legs.Rtp;

namespace Pollard.Voice.Legs.Sip;

/// <summary>How phones reach us by SIP.</summary>
internal sealed record SipSettings
{
    /// <summary>Where we listen, by UDP and TCP; port 0 is any that is free.</summary>
    public IPEndPoint At { get; init; } = new(IPAddress.Loopback, 5_060);

    /// <summary>Who may call, and send sound.</summary>
    public Func<IPAddress, bool> Allows { get; init; } = IPAddress.IsLoopback;

    /// <summary>
    /// The address that phones are told, where it is not the one we listen at; null: that one, or the one that a phone is reached from
    /// where we listen at all.
    /// </summary>
    public IPAddress? PublicAddress { get; init; }

    /// <summary>Calls at a time, 1 or more; one more hears that we are busy.</summary>
    public int MostCalls { get; init; } = 200;

    /// <summary>What calls are numbered by; null: they have names.</summary>
    public CallNumbers? Numbers { get; init; }

    /// <summary>How long it rings before we answer.</summary>
    public TimeSpan RingFor { get; init; } = TimeSpan.Zero;

    /// <summary>Where we say that calls for us go here; null: nowhere.</summary>
    public SipRegistrar? Registrar { get; init; }

    /// <summary>The sound.</summary>
    public RtpSettings Rtp { get; init; } = new();

    /// <summary>When what may be lost is sent again.</summary>
    public SipTiming Timing { get; init; } = new();

    /// <summary>Whether somebody may call: who is allowed to, and the registrar, which brings us calls.</summary>
    public bool MayCall(IPAddress address) => Allows(address) || address.Equals(Registrar?.At.Address);
}

/// <summary>Who is told that calls for a user go here, and as whom.</summary>
internal sealed record SipRegistrar
{
    /// <summary>Where it is.</summary>
    public required IPEndPoint At { get; init; }

    /// <summary>Whether it is spoken to by TCP.</summary>
    public bool IsTcp { get; init; }

    /// <summary>Whose calls.</summary>
    public required string User { get; init; }

    /// <summary>With what it is proved.</summary>
    public required string Password { get; init; }

    /// <summary>What the user's address ends in; null: the registrar's own address.</summary>
    public string? Domain { get; init; }

    /// <summary>For how long we ask at a time, at least a minute; the registrar may grant less.</summary>
    public TimeSpan Expires { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long to wait after the first failure; twice as long after each further one.</summary>
    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long to wait at most.</summary>
    public TimeSpan MostRetry { get; init; } = TimeSpan.FromMinutes(2);
}

/// <summary>When what may be lost is sent again (RFC 3261, 17).</summary>
internal sealed record SipTiming
{
    private const int Tries = 64; // First waits, until it is given up.
    private const int AskedTries = 8;

    /// <summary>How long a way there and back takes, T1: the first wait, which doubles.</summary>
    public TimeSpan First { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest wait, T2.</summary>
    public TimeSpan Most { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>After which time it is given up, and a transaction forgotten.</summary>
    public TimeSpan GiveUp => First * Tries;

    /// <summary>How long we wait for an answer to what we ask: four tries, since nobody waits for us then.</summary>
    public TimeSpan AnswerWithin => First * AskedTries;

    /// <summary>The wait after one.</summary>
    public TimeSpan After(TimeSpan wait) => wait * 2 < Most ? wait * 2 : Most;
}
