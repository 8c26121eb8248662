namespace Pollard.Protocol.HostLink;

/// <summary>The bounds of the host link, version 1. Both ends refuse what is beyond them.</summary>
public static class LinkLimits
{
    /// <summary>The version of the link that this build speaks.</summary>
    public const int ProtocolVersion = 1;

    /// <summary>Bytes in one frame's payload.</summary>
    public const int FramePayloadBytes = 256 * 1024;

    /// <summary>Bytes in a hello.</summary>
    public const int HelloBytes = 64 * 1024;

    /// <summary>Models that one host may name.</summary>
    public const int Models = 200;

    /// <summary>Characters in a model's name.</summary>
    public const int ModelNameCharacters = 100;

    /// <summary>Slots that one host may grant.</summary>
    public const int Slots = 1024;

    /// <summary>Attempts that a hello may ask to resume.</summary>
    public const int Resumes = 1024;

    /// <summary>Bytes of a request in an offer, over all its frames.</summary>
    public const int OfferBytes = 64 * 1024 * 1024;

    /// <summary>Bytes of output that an agent may send ahead of credit, per attempt.</summary>
    public const int CreditWindowBytes = 256 * 1024;

    /// <summary>Frames a second that a host may send about an attempt, averaged over ten seconds. An agent keeps to the half.</summary>
    public const int FramesPerSecond = 2000;

    /// <summary>Frames a second that a host may send about itself, averaged over ten seconds.</summary>
    public const int HostFramesPerSecond = 200;

    /// <summary>Sessions that a host may open within a minute.</summary>
    public const int SessionsPerMinute = 60;

    /// <summary>How often an agent that has nothing else to say sends a heartbeat.</summary>
    public static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(5);

    /// <summary>The longest that the heartbeat of idle hosts is stretched to; routers forget a connection that is silent for longer.</summary>
    public static readonly TimeSpan IdleHeartbeatMost = TimeSpan.FromSeconds(60);

    /// <summary>How long a link of frames may be silent before either end gives it up.</summary>
    public static readonly TimeSpan FramesSilence = TimeSpan.FromSeconds(12);

    /// <summary>How long a long-polling host may be silent before the gateway gives it up.</summary>
    public static readonly TimeSpan LongPollSilence = TimeSpan.FromSeconds(30);

    /// <summary>The longest that a turn of the long poll is held.</summary>
    public static readonly TimeSpan LongPollHold = TimeSpan.FromSeconds(25);

    /// <summary>How long an offer stands, from when it left, before it is withdrawn.</summary>
    public static readonly TimeSpan AcceptWithin = TimeSpan.FromSeconds(2);

    /// <summary>The same on the long poll, where the answer is a request of its own and may wait behind an upload.</summary>
    public static readonly TimeSpan LongPollAcceptWithin = TimeSpan.FromSeconds(5);

    /// <summary>How far the clock of a signed request may be off.</summary>
    public static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(60);

    /// <summary>True for a name of 1 to 100 letters, digits and <c>. _ - : / @ +</c>.</summary>
    public static bool IsModelName(string? name)
    {
        if (name is not { Length: > 0 and <= ModelNameCharacters })
        {
            return false;
        }

        foreach (var character in name)
        {
            if (!char.IsAsciiLetterOrDigit(character) && !"._-:/@+".Contains(character, StringComparison.Ordinal))
            {
                return false;
            }
        }

        return true;
    }
}
