using System.Collections.Frozen;
using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Dashboard;

/// <summary>The dashboard's files, which are in the program. The browser asks each time whether they are still the same.</summary>
internal sealed class DashboardFiles
{
    /// <summary>Where the files are; the page itself is also at <c>/</c>.</summary>
    public const string Prefix = "/dashboard";

    private const string Index = "index.html";

    // Nothing but our own files runs or is loaded, and nobody frames the page: what a host or a client says stays text.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private readonly FrozenDictionary<string, AssetFile> _files = Read();

    /// <summary>Leads a browser that asks for <c>/</c> to the page; others are told there what they expect of the API that is there.</summary>
    public static void Enter(HttpContext http)
    {
        if (
            http.Request.Path == "/"
            && HttpMethods.IsGet(http.Request.Method)
            && http.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase)
        )
        {
            http.Request.Path = Prefix;
        }
    }

    /// <summary><c>GET /dashboard/{file}</c>.</summary>
    public async Task ShowAsync(HttpContext http)
    {
        var name = (string?)http.Request.RouteValues["file"];
        if (!_files.TryGetValue(string.IsNullOrEmpty(name) ? Index : name, out var file))
        {
            throw new RejectedException(
                new DoorError(404, "route_not_found", $"the dashboard has no file \"{DoorError.Quote(name ?? "")}\"")
            );
        }

        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-cache";
        headers.ETag = file.Tag;
        if (http.Request.Headers.IfNoneMatch == file.Tag)
        {
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        headers.Vary = "Accept-Encoding";
        var packed = http
            .Request.Headers.AcceptEncoding.ToString()
            .Contains("gzip", StringComparison.OrdinalIgnoreCase);
        if (packed)
        {
            headers.ContentEncoding = "gzip";
        }

        var bytes = packed ? file.Packed.Value : file.Bytes;
        http.Response.ContentType = file.Type;
        http.Response.ContentLength = bytes.Length;
        await http.Response.BodyWriter.WriteAsync(bytes, http.RequestAborted);
    }

    private static FrozenDictionary<string, AssetFile> Read()
    {
        const string Resources = "dashboard/";
        var assembly = typeof(DashboardFiles).Assembly;
        var files = new Dictionary<string, AssetFile>(StringComparer.Ordinal);
        foreach (var resource in assembly.GetManifestResourceNames())
        {
            if (!resource.StartsWith(Resources, StringComparison.Ordinal))
            {
                continue;
            }

            using var stream = assembly.GetManifestResourceStream(resource)!;
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            var name = resource[Resources.Length..].Replace('\\', '/');
            var tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}\"";
            files.Add(name, new AssetFile(bytes, TypeOf(name), tag));
        }

        return files.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static string TypeOf(string name) =>
        Path.GetExtension(name) switch
        {
            ".html" => "text/html; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            ".svg" => "image/svg+xml",
            ".md" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        };

    private static byte[] Pack(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    /// <summary>One file, packed when the first browser asks for it.</summary>
    private sealed record AssetFile(byte[] Bytes, string Type, string Tag)
    {
        public Lazy<byte[]> Packed { get; } = new(() => Pack(Bytes));
    }
}
