using System.Buffers;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>Carrier C: long polls over plain HTTP/1.1, for networks that let nothing better through.</summary>
internal sealed partial class TurnEndpoints(TurnSessions sessions, HostSignatures signatures)
{
    private const int BodyBytes = 4 * 1024 * 1024;
    private const int ReadAlongMilliseconds = 50;
    private const int UnreadMilliseconds = 250;

    /// <summary><c>POST /host/v1/turn</c>: hands frames in, and is held until there are frames to take or the wait is over.</summary>
    public async Task<IResult> TurnAsync(HttpContext http)
    {
        var (host, body, refusal) = await ReadAsync(http);
        if (host is null || body is null)
        {
            return refusal!;
        }

        if (!TryReadWait(http, out var wait))
        {
            return LinkProblems.BadRequest(
                $"wait must be a number of seconds from 0 to {LinkLimits.LongPollHold.TotalSeconds:0}"
            );
        }

        var isNew = !http.Request.Headers.ContainsKey(TurnCarrier.SessionHeader);
        if (Count(body) is not { } frames || (isNew && !frames.StartsWithHello))
        {
            return LinkProblems.BadRequest(
                "the body must be whole frames, beginning with a hello when there is no session"
            );
        }

        if (isNew && sessions.Refusal(host.Id) is { } tooOften)
        {
            return LinkProblems.TooOften(tooOften);
        }

        var session = isNew ? sessions.Open(new LinkPeer(host.Id, host.Name, LinkCarrier.Turn)) : Find(http, host);
        if (session is null)
        {
            return Ended();
        }

        session.Session.Touch();
        var number = isNew ? 0 : Number(http, TurnCarrier.UploadHeader);
        if (body.Length > 0 && !await session.HandInAsync(body, number, http.RequestAborted) && !isNew)
        {
            return Ended();
        }

        var answer = await session.HoldAsync(wait, Number(http, TurnCarrier.TurnHeader), http.RequestAborted);
        session.Session.Touch();
        http.Response.Headers[TurnCarrier.SessionHeader] = session.Session.Id;
        return answer switch
        {
            null => Ended(),
            { Frames: [] } => TypedResults.NoContent(),
            { } whole => new TurnResult(session, whole),
        };
    }

    /// <summary><c>PATCH /host/v1/attempts/{handle}/output</c>: output of one attempt.</summary>
    public async Task<IResult> OutputAsync(HttpContext http)
    {
        var (host, body, refusal) = await ReadAsync(http);
        if (host is null || body is null)
        {
            return refusal!;
        }

        if (
            !uint.TryParse((string?)http.Request.RouteValues["handle"], CultureInfo.InvariantCulture, out var handle)
            || !TryReadRange(http.Request.Headers.ContentRange.ToString(), out var first, out var last)
            || !IsOutput(body, handle, first, last)
        )
        {
            return LinkProblems.BadRequest(
                "the body must be the output frames of this attempt whose numbers Content-Range says: seq 5-9/*"
            );
        }

        if (Find(http, host) is not { } session)
        {
            return Ended();
        }

        session.Session.Touch();
        if (!await session.HandInAsync(body, Number(http, TurnCarrier.UploadHeader), http.RequestAborted))
        {
            return Ended();
        }

        var state = session.Session.Describe(handle);
        return TypedResults.Json(
            new OutputReply(
                state?.NextSeq ?? last + 1,
                state?.Stop ?? true,
                state?.Stream is true ? ReadAlongMilliseconds : UnreadMilliseconds
            ),
            ProtocolJson.Default.OutputReply
        );
    }

    /// <summary><c>DELETE /host/v1/turn</c>: the host says goodbye.</summary>
    public async Task<IResult> EndAsync(HttpContext http)
    {
        var (host, _, refusal) = await ReadAsync(http);
        if (host is null)
        {
            return refusal!;
        }

        if (Find(http, host) is { } session)
        {
            await session.EndAsync();
        }

        return TypedResults.NoContent();
    }

    [GeneratedRegex(@"^seq (?<first>\d{1,10})-(?<last>\d{1,10})/\*$", RegexOptions.NonBacktracking)]
    private static partial Regex ContentRange { get; }

    /// <summary>Reads <c>seq 5-9/*</c>.</summary>
    internal static bool TryReadRange(string header, out long first, out long last)
    {
        (first, last) = (0, 0);
        return ContentRange.Match(header) is { Success: true } range
            && long.TryParse(
                range.Groups["first"].ValueSpan,
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out first
            )
            && long.TryParse(range.Groups["last"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out last);
    }

    private static JsonHttpResult<Problem> Ended() =>
        LinkProblems.Gone("the session has ended or a body of it was lost; begin a new one with a hello");

    private static int? Number(HttpContext http, string header) =>
        int.TryParse(http.Request.Headers[header], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    private static bool TryReadWait(HttpContext http, out TimeSpan wait)
    {
        var isNumber = double.TryParse(
            http.Request.Query["wait"].FirstOrDefault() ?? "0",
            NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture,
            out var seconds
        );
        var isGood = isNumber && seconds >= 0 && seconds <= LinkLimits.LongPollHold.TotalSeconds;
        wait = isGood ? TimeSpan.FromSeconds(seconds) : default;
        return isGood;
    }

    /// <summary>Null when the bytes are not whole frames.</summary>
    private static (int Frames, bool StartsWithHello)? Count(byte[] body)
    {
        var rest = new ReadOnlySequence<byte>(body);
        var count = 0;
        var startsWithHello = false;
        try
        {
            while (FrameReader.TryRead(ref rest, out var frame))
            {
                startsWithHello |= count == 0 && frame.Header.Type == FrameType.Hello;
                count++;
            }
        }
        catch (LinkException)
        {
            return null;
        }

        return rest.IsEmpty ? (count, startsWithHello) : null;
    }

    /// <summary>True when the body is the output frames of this attempt with these numbers, and nothing else.</summary>
    internal static bool IsOutput(byte[] body, uint handle, long first, long last)
    {
        if (Count(body) is not { Frames: > 0 })
        {
            return false;
        }

        var rest = new ReadOnlySequence<byte>(body);
        var next = first;
        while (FrameReader.TryRead(ref rest, out var frame))
        {
            if (
                frame.Header.Type != FrameType.Delta
                || frame.Header.Attempt != handle
                || frame.Header.Sequence != next++
            )
            {
                return false;
            }
        }

        return next == last + 1;
    }

    private TurnSession? Find(HttpContext http, HostRecord host) =>
        sessions.Find(http.Request.Headers[TurnCarrier.SessionHeader], host.Id);

    private async Task<(HostRecord? Host, byte[]? Body, IResult? Refusal)> ReadAsync(HttpContext http)
    {
        if (signatures.RefusalBeforeBody(http.Request) is { } stranger)
        {
            return (null, null, LinkProblems.Unauthorized(stranger.Refusal!, stranger.Code));
        }

        if (await BodyReader.ReadAsync(http.Request, BodyBytes, http.RequestAborted) is not { } body)
        {
            return (null, null, LinkProblems.TooLarge($"a body of frames has at most {BodyBytes} bytes"));
        }

        var check = signatures.Check(http.Request, body);
        return check.Host is { } host
            ? (host, body, null)
            : (null, null, LinkProblems.Unauthorized(check.Refusal!, check.Code));
    }
}
