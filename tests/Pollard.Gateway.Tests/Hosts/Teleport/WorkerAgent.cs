using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts.Teleport;

/// <summary>The program of a teleport agent, made anew from what it does on the wire: what it asks, what it echoes, how it packs.</summary>
internal sealed class WorkerAgent(HttpClient http, string? environment = null, string? token = null, string id = "a1")
{
    public const string Prefix = "/api/http-teleport/";
    private const int InlineBytes = 512_000;

    /// <summary>Asks once.</summary>
    public Task<HttpResponseMessage> AskAsync(CancellationToken? ct = null)
    {
        var path = $"get-task?agentId=1764400000_{id}&agentVersion=1.1.13";
        path += environment is null ? "" : $"&envName={Uri.EscapeDataString(environment)}";
        return http.SendAsync(Request(HttpMethod.Get, path), ct ?? Token);
    }

    /// <summary>Asks until there is a call.</summary>
    public async Task<JsonElement> UntilCallAsync()
    {
        while (true)
        {
            var reply = await JsonOf(AskAsync());
            if (reply.GetProperty("data") is { ValueKind: JsonValueKind.Object } call)
            {
                return call;
            }
        }
    }

    /// <summary>What the program says of a call: all of it again, and what came of it.</summary>
    public static JsonObject Echo(JsonElement call, int status = 200, params (string Name, string Value)[] headers)
    {
        var said = JsonNode.Parse(call.GetRawText())!.AsObject();
        said["version"] = "1.1.13";
        said["statusCode"] = status;
        var fields = new JsonObject();
        foreach (var (name, value) in headers)
        {
            fields[name] = value;
        }

        said["responseHeaders"] = fields;
        return said;
    }

    /// <summary>Brings an answer the way that its size asks for.</summary>
    public Task<HttpResponseMessage> BringAsync(
        JsonElement call,
        byte[] body,
        int status = 200,
        params (string Name, string Value)[] headers
    )
    {
        var said = Echo(call, status, headers);
        if (body.Length > InlineBytes)
        {
            return UploadAsync(said, Pack(body));
        }

        if (body.Length > 0)
        {
            said["responseBase64"] = true;
            said["output"] = Convert.ToBase64String(body);
        }

        return PutResultAsync(said);
    }

    public Task<HttpResponseMessage> PutResultAsync(JsonObject said) => PostAsync("put-result", Json(said));

    /// <summary>Uploads a file, packed with gzip and called a zip.</summary>
    public Task<HttpResponseMessage> UploadAsync(
        JsonObject said,
        byte[] file,
        string ending = "zip",
        bool taskFirst = false
    )
    {
        said = said.DeepClone().AsObject();
        said["responseZipped"] = true;
        var form = new MultipartFormDataContent();
        var part = new ByteArrayContent(file);
        part.Headers.ContentType = new MediaTypeHeaderValue(ending == "zip" ? "application/zip" : "text/plain");
        var name = string.Create(CultureInfo.InvariantCulture, $"{said["taskId"]}_0a1b.{ending}");
        if (taskFirst)
        {
            form.Add(Json(said), "task");
        }

        form.Add(part, "file", name);
        if (!taskFirst)
        {
            form.Add(Json(said), "task");
        }

        return PostAsync("upload-result", form);
    }

    /// <summary>Uploads as the program does when its first try failed: its file has been read to the end.</summary>
    public async Task<HttpStatusCode> UploadWithRetriesAsync(JsonObject said, byte[] file)
    {
        for (var retry = 0; ; retry++)
        {
            using var reply = await UploadAsync(said, retry == 0 ? file : []);
            if (retry == 3 || (int)reply.StatusCode is not (>= 500 or 429))
            {
                return reply.StatusCode;
            }
        }
    }

    /// <summary>Puts the body where upload-url says, and only says where it is.</summary>
    public async Task<HttpResponseMessage> BringDirectlyAsync(JsonElement call, byte[] body, string contentType)
    {
        var data = (
            await JsonOf(http.SendAsync(Request(HttpMethod.Get, "upload-url?fileName=x.txt"), Token))
        ).GetProperty("data");
        using var stored = await PutAsync(data.GetProperty("putUrl").GetString()!, body);
        Assert.Equal(HttpStatusCode.OK, stored.StatusCode);
        var said = Echo(call, 200, ("Content-Type", contentType));
        said["s3Url"] = data.GetProperty("getUrl").GetString();
        return await PutResultAsync(said);
    }

    public Task<HttpResponseMessage> PutAsync(string url, byte[] body) =>
        http.SendAsync(new HttpRequestMessage(HttpMethod.Put, url) { Content = new ByteArrayContent(body) }, Token);

    public Task<HttpResponseMessage> PostAsync(string path, HttpContent content)
    {
        var request = Request(HttpMethod.Post, path);
        request.Content = content;
        return http.SendAsync(request, Token);
    }

    public Task<HttpResponseMessage> GetAsync(string path) => http.SendAsync(Request(HttpMethod.Get, path), Token);

    public static byte[] Pack(byte[] body, CompressionLevel level = CompressionLevel.Fastest)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, level))
        {
            gzip.Write(body);
        }

        return packed.ToArray();
    }

    private HttpRequestMessage Request(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, Prefix + path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token ?? "any");
        return request;
    }

    private static StringContent Json(JsonObject said) => new(said.ToJsonString(), Encoding.UTF8, "application/json");
}
