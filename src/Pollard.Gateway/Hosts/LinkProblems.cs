using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>The errors of this slice's endpoints.</summary>
internal static class LinkProblems
{
    /// <summary>The word for a host that has opened too many sessions of late.</summary>
    public const string TooManySessions = "too_many_sessions";

    public static JsonHttpResult<Problem> BadRequest(string detail) =>
        Answer(StatusCodes.Status400BadRequest, "bad_request", "The request is not valid", detail);

    public static JsonHttpResult<Problem> Unauthorized(string detail, string code = HostSignature.UnauthorizedCode) =>
        Answer(StatusCodes.Status401Unauthorized, code, "The host is not let in", detail);

    public static JsonHttpResult<Problem> NotFound(string detail) =>
        Answer(StatusCodes.Status404NotFound, "not_found", "There is no such thing", detail);

    public static JsonHttpResult<Problem> Conflict(string detail) =>
        Answer(StatusCodes.Status409Conflict, "link_broken", "The link must be made anew", detail);

    public static JsonHttpResult<Problem> Gone(string detail) =>
        Answer(StatusCodes.Status410Gone, "session_gone", "The session has ended", detail);

    // Not a 401, which an agent takes as the last word.
    public static JsonHttpResult<Problem> TooOften(string detail) =>
        Answer(StatusCodes.Status429TooManyRequests, TooManySessions, "The host must wait", detail);

    public static JsonHttpResult<Problem> TooLarge(string detail) =>
        Answer(StatusCodes.Status413PayloadTooLarge, "too_large", "The body is too large", detail);

    /// <summary>Null when the caller may look after hosts and tokens.</summary>
    public static JsonHttpResult<Problem>? RefuseUnlessAdmin(HttpContext http) =>
        http.GetCaller().IsAdmin
            ? null
            : Answer(
                StatusCodes.Status403Forbidden,
                "forbidden",
                "Not allowed",
                "hosts and join tokens are for admin keys; use one, or ask who runs this gateway"
            );

    /// <summary>Null when the caller may look at hosts.</summary>
    public static JsonHttpResult<Problem>? RefuseUnlessSeesAll(HttpContext http) =>
        http.GetCaller().SeesAll ? null : RefuseUnlessAdmin(http);

    private static JsonHttpResult<Problem> Answer(int status, string word, string title, string detail) =>
        TypedResults.Json(
            new Problem
            {
                Type = $"urn:pollard:error:{word}",
                Title = title,
                Detail = detail,
                Status = status,
            },
            ProtocolJson.Default.Problem,
            "application/problem+json",
            status
        );
}
