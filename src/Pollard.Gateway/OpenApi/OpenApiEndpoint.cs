using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.OpenApi;

/// <summary><c>GET /openapi.json</c>: what the gateway answers to, as an OpenAPI document. It says nothing of tasks, so it needs no key.</summary>
internal static class OpenApiEndpoint
{
    private const string Name = "openapi.json"; // Written by hand; the tests hold it against the routes and the answers.
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Adds the route.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var document = Read();
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(document).AsSpan(0, 16))}\"");
        routes.MapMethods("/" + Name, Methods, http => AnswerAsync(http, document, tag)).WithMetadata(OpenToAll.Mark);
    }

    private static Task AnswerAsync(HttpContext http, byte[] document, EntityTagHeaderValue tag)
    {
        http.Response.Headers.CacheControl = "no-cache"; // Kept, and asked for again: the next version has another one.
        return TypedResults.Bytes(document, JsonReply.Type, entityTag: tag).ExecuteAsync(http);
    }

    private static byte[] Read()
    {
        using var resource = typeof(OpenApiEndpoint).Assembly.GetManifestResourceStream(Name)!;
        var document = new byte[resource.Length];
        resource.ReadExactly(document);
        return document;
    }
}
