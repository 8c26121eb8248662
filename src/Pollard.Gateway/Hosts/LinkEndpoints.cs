using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>The endpoints that hosts call: where to connect, how to join, and carrier A.</summary>
internal sealed class LinkEndpoints(
    HostLinkServer server,
    HostRegistry registry,
    JoinTokens tokens,
    HostSignatures signatures,
    HostLinkOptions options
)
{
    private const int EnrollBytes = 16 * 1024;
    private const int MostNameCharacters = 100;

    /// <summary><c>GET /host/v1</c>: which carriers exist and where.</summary>
    public IResult Directory(HttpContext http) =>
        TypedResults.Json(
            new LinkDirectory
            {
                ProtocolMin = LinkLimits.ProtocolVersion,
                ProtocolMax = LinkLimits.ProtocolVersion,
                Http2Port = http.Request.IsHttps ? null : options.Http2Port,
                Carriers = ["h2", "ws", "turn"],
            },
            ProtocolJson.Default.LinkDirectory
        );

    /// <summary><c>POST /host/v1/enroll</c>: a new host joins.</summary>
    public async Task<IResult> EnrollAsync(HttpContext http)
    {
        var ct = http.RequestAborted;
        if (await BodyReader.ReadAsync(http.Request, EnrollBytes, ct) is not { } body)
        {
            return LinkProblems.TooLarge($"an enrolment has at most {EnrollBytes} bytes");
        }

        EnrollRequest request;
        try
        {
            request = LinkJson.Read(body, ProtocolJson.Default.EnrollRequest);
        }
        catch (LinkException e)
        {
            return LinkProblems.BadRequest(e.Message);
        }

        if (request.Name is not { Length: > 0 and <= MostNameCharacters } || !PlainText.Is(request.Name))
        {
            return LinkProblems.BadRequest($"name must have 1 to {MostNameCharacters} printable characters");
        }

        if (request.PublicKey is null || !HostSignatures.IsPublicKey(request.PublicKey))
        {
            return LinkProblems.BadRequest("public_key must be an ECDSA P-256 key, SubjectPublicKeyInfo in base64");
        }

        var (terms, refusal) = await TermsAsync(http, request.JoinToken, ct);
        if (terms is null)
        {
            return LinkProblems.Unauthorized(refusal!);
        }

        return await registry.EnrolAsync(request.PublicKey, request.Name, terms, ct) is { } host
            ? TypedResults.Json(new EnrollReply(host.Id), ProtocolJson.Default.EnrollReply)
            : LinkProblems.Unauthorized("a host with this key was revoked; let the agent make a new one");
    }

    /// <summary><c>POST /host/v1/link</c>: carrier A, for as long as both ends live.</summary>
    public async Task<IResult> LinkAsync(HttpContext http)
    {
        if (!HttpProtocol.IsHttp2(http.Request.Protocol) && !HttpProtocol.IsHttp3(http.Request.Protocol))
        {
            return LinkProblems.BadRequest(
                "this carrier needs HTTP/2 from end to end; see GET /host/v1 for its port, or use /host/v1/turn"
            );
        }

        LiftLimits(http);
        var isTest = LinkEcho.IsAsked(http.Request);
        byte[]? hello;
        try
        {
            hello = isTest
                ? []
                : await HelloCheck.PeekInTimeAsync(http.Request.BodyReader, server.Time, http.RequestAborted);
        }
        catch (LinkException e)
        {
            return LinkProblems.BadRequest(e.Message);
        }

        if (hello is null)
        {
            return LinkProblems.BadRequest("no hello came in time");
        }

        var check = signatures.Check(http.Request, hello);
        if (check.Host is not { } host)
        {
            return LinkProblems.Unauthorized(check.Refusal!, check.Code);
        }

        if (!isTest && server.Arrivals.Refusal(host.Id) is { } refusal)
        {
            return LinkProblems.TooOften(refusal);
        }

        http.Response.ContentType = TurnCarrier.ContentType;
        await http.Response.StartAsync(http.RequestAborted);
        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
        var link = new DuplexPipe(http.Request.BodyReader, http.Response.BodyWriter);
        await (
            isTest
                ? LinkEcho.RunAsync(link, server.Time, http.RequestAborted)
                : server.ServeAsync(link, new LinkPeer(host.Id, host.Name, LinkCarrier.Http2), http.RequestAborted)
        );
        return TypedResults.Empty;
    }

    private static void LiftLimits(HttpContext http)
    {
        var features = http.Features;
        if (features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (features.Get<IHttpMinRequestBodyDataRateFeature>() is { } up)
        {
            up.MinDataRate = null;
        }

        // HTTP/2 has no such feature in Kestrel: there the server's own limit must be off, and is.
        if (features.Get<IHttpMinResponseDataRateFeature>() is { } down)
        {
            down.MinDataRate = null;
        }

        features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
    }

    /// <summary>On which terms a host joins, or why it does not.</summary>
    private async Task<(JoinTerms? Terms, string? Refusal)> TermsAsync(
        HttpContext http,
        string? joinToken,
        CancellationToken ct
    )
    {
        if (joinToken is null)
        {
            return options.MayEnrolWithoutToken(http)
                ? (JoinTerms.Own, null) // Who is on this machine is its owner.
                : (null, "a join token is needed: make one with `pollard token create` and give it to the agent");
        }

        var (use, terms) = await tokens.UseAsync(joinToken, ct);
        return use switch
        {
            TokenUse.Good => (terms, null),
            TokenUse.Expired => (null, "the join token has expired; make a new one with `pollard token create`"),
            TokenUse.UsedUp => (null, "the join token is used up; make a new one with `pollard token create`"),
            _ => (null, "the join token is not known here; make one with `pollard token create`"),
        };
    }
}

/// <summary>Reads bodies that must be whole before anything is done with them.</summary>
internal static class BodyReader
{
    /// <summary>The body, or null when it is longer than <paramref name="most"/>.</summary>
    public static async Task<byte[]?> ReadAsync(HttpRequest request, int most, CancellationToken ct)
    {
        if (request.ContentLength > most)
        {
            return null;
        }

        using var whole = new MemoryStream();
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(ct);
            foreach (var piece in read.Buffer)
            {
                whole.Write(piece.Span);
            }

            request.BodyReader.AdvanceTo(read.Buffer.End);
            if (whole.Length > most)
            {
                return null;
            }

            if (read.IsCompleted)
            {
                return whole.ToArray();
            }
        }
    }

    /// <summary>The body as a message, or null when it is too long or is none.</summary>
    public static async Task<T?> ReadAsync<T>(
        HttpRequest request,
        System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> shape,
        CancellationToken ct
    )
        where T : class
    {
        const int Most = 64 * 1024;
        try
        {
            return await ReadAsync(request, Most, ct) is { } body ? JsonSerializer.Deserialize(body, shape) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
