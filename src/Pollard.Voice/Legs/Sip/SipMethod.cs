namespace Pollard.Voice.Legs.Sip;

/// <summary>What can be asked.</summary>
internal static class SipMethod
{
    public const string Invite = "INVITE";
    public const string Ack = "ACK";
    public const string Bye = "BYE";
    public const string Cancel = "CANCEL";
    public const string Options = "OPTIONS";
    public const string Register = "REGISTER";

    /// <summary>What we can be asked, as it stands in a line.</summary>
    public const string Allowed = "INVITE, ACK, BYE, CANCEL, OPTIONS";

    // What others can be asked: they hear that we cannot, and not that there is no such thing.
    private static readonly string[] Others =
    [
        Register,
        "INFO",
        "MESSAGE",
        "NOTIFY",
        "PRACK",
        "PUBLISH",
        "REFER",
        "SUBSCRIBE",
        "UPDATE",
    ];

    /// <summary>What one hears who asks for what we cannot.</summary>
    public static int StatusFor(string method) =>
        Others.Contains(method) ? SipStatus.MethodNotAllowed : SipStatus.NotImplemented;
}
