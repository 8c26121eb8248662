using System.Net;

namespace Pollard.Voice.Legs.Sip;

/// <summary>A call as both ends know it: its ids, whose turn it is, and the way to the phone (RFC 3261, 12). Not for several threads.</summary>
internal sealed class SipDialog
{
    private const int MostCallerCharacters = 200;
    private readonly string _local;
    private readonly string _remote;
    private readonly string? _remoteTag;
    private readonly string[] _routes;
    private readonly bool _isDirect;
    private uint _localNumber;
    private uint _remoteNumber;
    private SipFlow _flow;
    private string _target;

    private SipDialog(SipTransaction invite, string target)
    {
        var request = invite.Request;
        (_flow, _target, LocalTag) = (invite.From, target, invite.Tag);
        CallId = request.Find("Call-ID")!;
        _remote = request.Find("From")!;
        _remoteTag = SipAddress.Parse(_remote)?.Tag;
        _local = $"{request.Find("To")};tag={LocalTag}";
        _remoteNumber = request.Sequence!.Value.Number;
        _routes = [.. request.All("Record-Route")];
        _isDirect = request.All("Via").Take(2).Count() == 1;
    }

    /// <summary>What the phone calls it.</summary>
    public string CallId { get; }

    /// <summary>What we call it.</summary>
    public string LocalTag { get; }

    /// <summary>Who calls.</summary>
    public string Caller =>
        SipAddress.Parse(_remote)?.Uri is { Length: <= MostCallerCharacters } uri ? uri : "somebody";

    /// <summary>Who is reached on which way.</summary>
    public SipFlow Flow => _flow;

    /// <summary>Begins one; null: the phone does not say where it can be reached.</summary>
    public static SipDialog? Of(SipTransaction invite) =>
        TargetOf(invite.Request) is { } target ? new SipDialog(invite, target) : null;

    /// <summary>Whether a request belongs to it.</summary>
    public bool Has(SipMessage request) =>
        request.Find("Call-ID") == CallId && SipAddress.Parse(request.Find("From") ?? "")?.Tag == _remoteTag;

    /// <summary>Whether it is a request's turn: none comes after one that was sent later.</summary>
    public bool TryTurn(SipTransaction transaction)
    {
        var number = transaction.Request.Sequence!.Value.Number;
        if (number <= _remoteNumber)
        {
            return false;
        }

        _remoteNumber = number;
        _flow = transaction.From; // A phone that has moved is reached where it is now.
        return true;
    }

    /// <summary>The phone says where it can be reached from now on.</summary>
    public void Retarget(SipMessage invite) => _target = TargetOf(invite) ?? _target;

    /// <summary>A request of ours in the call.</summary>
    public SipMessage NewRequest(string method)
    {
        // Who stands first on the way and knows only the older rule wants to be asked itself (RFC 3261, 12.2.1.1).
        var isStrict = _routes.Length > 0 && !UriOf(_routes[0]).Contains(";lr", StringComparison.OrdinalIgnoreCase);
        var request = SipMessage.Request(method, isStrict ? UriOf(_routes[0]) : _target);
        foreach (var route in isStrict ? [.. _routes[1..], $"<{_target}>"] : _routes)
        {
            request.Add("Route", route);
        }

        return request
            .Add("From", _local)
            .Add("To", _remote)
            .Add("Call-ID", CallId)
            .Add("CSeq", $"{++_localNumber} {method}");
    }

    /// <summary>Where requests in the call go, and whether by TCP; null: on the way on which the call came.</summary>
    public (IPEndPoint Remote, bool IsTcp)? NextHop()
    {
        if (_flow.Stream is { IsOpen: true })
        {
            return null;
        }

        var uri = _routes.Length > 0 ? UriOf(_routes[0]) : _target;
        var said = SipAddress.EndPointOf(uri);
        // What a phone behind a NAT says of itself nobody reaches; where it came from is the way through.
        var isHidden = _routes.Length == 0 && _isDirect && !_flow.Remote.Address.Equals(said?.Address);
        return said is null || isHidden ? null : (said, _flow.IsTcp || SipAddress.IsTcp(uri));
    }

    private static string? TargetOf(SipMessage request) =>
        request.Find("Contact") is { } contact ? SipAddress.Parse(contact)?.Uri : null;

    private static string UriOf(string route) => SipAddress.Parse(route)?.Uri ?? route;
}
