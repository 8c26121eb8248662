using System.Globalization;
using System.Text;

namespace Pollard.Voice.Legs.Sip;

/// <summary>A request or a response of SIP (RFC 3261), with its header lines in their order. It is built once, and then only read.</summary>
internal sealed class SipMessage
{
    private const string Version = "SIP/2.0";
    private readonly List<(string Name, string Value)> _lines = [];

    private SipMessage(string method, string uri, int status, string reason) =>
        (Method, Uri, Status, Reason) = (method, uri, status, reason);

    /// <summary>What is asked; empty in a response.</summary>
    public string Method { get; }

    /// <summary>For whom it is; empty in a response.</summary>
    public string Uri { get; }

    /// <summary>100 to 699; 0 in a request.</summary>
    public int Status { get; }

    /// <summary>The status in words.</summary>
    public string Reason { get; }

    /// <summary>Whether it asks.</summary>
    public bool IsRequest => Status == 0;

    /// <summary>The header lines.</summary>
    public IReadOnlyList<(string Name, string Value)> Lines => _lines;

    /// <summary>Its number in its call, and of what request that is; null: it has none, or none that is one.</summary>
    public (uint Number, string Method)? Sequence =>
        Find("CSeq")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var number, var method]
        && uint.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed)
            ? (parsed, method)
            : null;

    /// <summary>What it carries.</summary>
    public string Body { get; private set; } = "";

    /// <summary>A request.</summary>
    public static SipMessage Request(string method, string uri) => new(method, uri, 0, "");

    /// <summary>A response.</summary>
    public static SipMessage Response(int status, string reason) => new("", "", status, reason);

    /// <summary>A response to a request, with those of its lines that come back (RFC 3261, 8.2.6).</summary>
    /// <param name="request">The request.</param>
    /// <param name="status">The status.</param>
    /// <param name="via">What its topmost <c>Via</c> has become.</param>
    /// <param name="tag">Ours, which is put to whom it is for where none is; null: none is put, as with 100.</param>
    public static SipMessage ResponseTo(SipMessage request, int status, string via, string? tag)
    {
        var response = Response(status, SipStatus.ReasonOf(status));
        response.Add("Via", via);
        foreach (var one in request.All("Via").Skip(1))
        {
            response.Add("Via", one);
        }

        foreach (var (name, value) in request.Lines)
        {
            switch (name)
            {
                case "From" or "Call-ID" or "CSeq":
                case "Record-Route" when status is > 100 and < 300:
                    response.Add(name, value);
                    break;
                case "To":
                    var isTagged = tag is null || SipAddress.Parse(value)?.Tag is not null;
                    response.Add(name, isTagged ? value : $"{value};tag={tag}");
                    break;
            }
        }

        return response;
    }

    /// <summary>The first line of a name; null: there is none.</summary>
    public string? Find(string name) => All(name).FirstOrDefault();

    /// <summary>The lines of a name.</summary>
    public IEnumerable<string> All(string name) =>
        _lines
            .Where(line => string.Equals(line.Name, name, StringComparison.OrdinalIgnoreCase))
            .Select(static line => line.Value);

    /// <summary>Adds a line before all others.</summary>
    public void AddFirst(string name, string value) => _lines.Insert(0, (name, value));

    /// <summary>Adds a line.</summary>
    public SipMessage Add(string name, string value)
    {
        _lines.Add((name, value));
        return this;
    }

    /// <summary>Sets what it carries.</summary>
    public SipMessage Carry(string body)
    {
        Body = body;
        return this;
    }

    /// <summary>Its bytes.</summary>
    public byte[] ToBytes()
    {
        var text = new StringBuilder();
        text.Append(IsRequest ? $"{Method} {Uri} {Version}" : $"{Version} {Status} {Reason}").Append("\r\n");
        foreach (var (name, value) in _lines.Where(static line => line.Name != "Content-Length"))
        {
            text.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        var bytes = Encoding.UTF8.GetByteCount(Body);
        text.Append(CultureInfo.InvariantCulture, $"Content-Length: {bytes}\r\n\r\n").Append(Body);
        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
