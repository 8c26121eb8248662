namespace Pollard.Voice.Legs.Sip;

/// <summary>The statuses that we answer with.</summary>
internal static class SipStatus
{
    public const int Trying = 100;
    public const int Ringing = 180;
    public const int Ok = 200;
    public const int BadRequest = 400;
    public const int Unauthorized = 401;
    public const int MethodNotAllowed = 405;
    public const int ProxyUnauthorized = 407;
    public const int UnsupportedMediaType = 415;
    public const int UnsupportedScheme = 416;
    public const int BadExtension = 420;
    public const int IntervalTooBrief = 423;
    public const int NoSuchCall = 481;
    public const int BusyHere = 486;
    public const int Cancelled = 487;
    public const int NotAcceptableHere = 488;
    public const int RequestPending = 491;
    public const int ServerError = 500;
    public const int NotImplemented = 501;
    public const int Unavailable = 503;

    /// <summary>A status in words.</summary>
    public static string ReasonOf(int status) =>
        status switch
        {
            Trying => "Trying",
            Ringing => "Ringing",
            Ok => "OK",
            BadRequest => "Bad Request",
            MethodNotAllowed => "Method Not Allowed",
            UnsupportedMediaType => "Unsupported Media Type",
            UnsupportedScheme => "Unsupported URI Scheme",
            BadExtension => "Bad Extension",
            NoSuchCall => "Call/Transaction Does Not Exist",
            BusyHere => "Busy Here",
            Cancelled => "Request Terminated",
            NotAcceptableHere => "Not Acceptable Here",
            RequestPending => "Request Pending",
            ServerError => "Server Internal Error",
            NotImplemented => "Not Implemented",
            Unavailable => "Service Unavailable",
            _ => "Unknown",
        };
}
