using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;
using Pollard.Agent.Logs;

namespace Pollard.Agent.Sources.TaskServers.Teleport;

/// <summary>
/// Brings results: in JSON, as a file with parts, or to an address that the server gives out. Each try reads the file anew from its
/// beginning.
/// </summary>
internal sealed class TeleportDelivery(TeleportPlace place, TaskServerHttp http, AgentOptions options)
{
    private const int MostWordCharacters = 200;
    private const int MostNameCharacters = 100;
    private const int BoundaryCharacters = 32;
    private const double LeastBytesPerSecond = 256 * 1024;
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(100);
    private static readonly TimeSpan UploadWithin = TimeSpan.FromSeconds(300);

    /// <summary>How long after a call's time a result that the server does not take is still brought.</summary>
    private static readonly TimeSpan StaleAfter = TimeSpan.FromDays(1);

    // What is said of a call, whatever the call says itself.
    private static readonly HashSet<string> OfResults = new(StringComparer.Ordinal)
    {
        "version",
        "statusCode",
        "responseHeaders",
        "responseBase64",
        "responseZipped",
        "output",
        "s3Url",
        "logs",
    };

    private readonly Uri _putResult = place.Of("put-result");
    private readonly Uri _uploadResult = place.Of("upload-result");

    /// <summary>Brings a result. Null: the server has it.</summary>
    /// <exception cref="IOException">Its file cannot be read.</exception>
    public async Task<ServerTrouble?> DeliverAsync(FetchedTask task, TaskResult result, CancellationToken ct)
    {
        var said = await result.ReadAsync(ct);
        var answer = result.Body switch
        {
            null => await PutAsync(task, said, null, ct),
            { } body when !File.Exists(body) => await PutErrorAsync(task, "its answer is no longer on the disk", ct),
            { } body when said.IsTrue("logs") => await SendLogsAsync(body, ct),
            { } body when said.IsTrue("responseZipped") => await UploadAsync(task, said, body, ct),
            { } body => await StoreAsync(task, said, body, ct),
        };
        if (result.Body is not null && answer.Status == HttpStatusCode.RequestEntityTooLarge)
        {
            answer = await PutErrorAsync(task, "the server does not take answers of this size", ct);
        }

        return TroubleOf(task, answer);
    }

    private ServerTrouble? TroubleOf(FetchedTask task, ServerAnswer answer) =>
        answer switch
        {
            { Trouble: null } => null,
            { Status: HttpStatusCode.NotFound, Body: null } => answer.Trouble, // Something else answers there.
            {
                Status: HttpStatusCode.BadRequest
                    or HttpStatusCode.NotFound
                    or HttpStatusCode.Conflict
                    or HttpStatusCode.Gone
                    or HttpStatusCode.RequestEntityTooLarge
                    or HttpStatusCode.UnprocessableEntity
            } => Never(answer.Trouble.Message + Words(answer)),
            _ when task.Until + StaleAfter < options.Time.GetUtcNow() => Never(
                $"{answer.Trouble.Message}; and its time is over for more than a day"
            ),
            _ => answer.Trouble,
        };

    /// <summary>The call as it came, with what is said of it.</summary>
    private async Task<ServerAnswer> PutAsync(
        FetchedTask task,
        JsonElement said,
        string? storedAt,
        CancellationToken ct
    )
    {
        var echo = Echo(task, said, storedAt);
        var answer = await http.BringAsync(_putResult, echo, Within, ct);
        ServerFigures.Brought(AgentMeter.UploadResult, answer, answer.Trouble, echo.Length);
        return answer;
    }

    private Task<ServerAnswer> PutErrorAsync(FetchedTask task, string why, CancellationToken ct)
    {
        var said = OllamaRequest.Write(json =>
        {
            json.WriteNumber("statusCode", 500);
            json.WriteString("output", $"Agent Side Error: {why}");
        });
        return PutAsync(task, JsonElement.Parse(said.Span), null, ct);
    }

    private Task<ServerAnswer> UploadAsync(FetchedTask task, JsonElement said, string body, CancellationToken ct) =>
        BringFileAsync(
            () =>
                Post(
                    _uploadResult,
                    Part(OpenFile(body), "file", "application/zip", $"{NameOf(task)}.zip"), // It is gzip: so they have it.
                    Part(new ReadOnlyMemoryContent(Echo(task, said, null)), "task", "application/json", null)
                ),
            body,
            isDirect: false,
            ct
        );

    private Task<ServerAnswer> SendLogsAsync(string body, CancellationToken ct) =>
        BringFileAsync(
            () => Post(place.Of("upload-logs", []), Part(OpenFile(body), "file", "application/zip", "logs.zip")),
            body,
            isDirect: false,
            ct
        );

    private async Task<ServerAnswer> StoreAsync(FetchedTask task, JsonElement said, string body, CancellationToken ct)
    {
        var ask = place.Of("upload-url", ("fileName", NameOf(task)));
        var told = await http.BringAsync(() => new HttpRequestMessage(HttpMethod.Get, ask), Within, ct);
        if (told.Trouble is not null)
        {
            return told;
        }

        if (
            told.Body?.Member("data") is not { } data
            || !Uri.TryCreate(data.Text("putUrl"), UriKind.Absolute, out var putUrl)
            || !http.MaySendTo(putUrl)
            || data.Text("getUrl") is not { Length: > 0 } getUrl
        )
        {
            return told with
            {
                Trouble = new(TroubleKind.Odd, $"{ask} gives no address to which an answer may be put"),
            };
        }

        var stored = await BringFileAsync(() => Put(putUrl, body, said), body, isDirect: true, ct);
        return stored.Trouble is { } trouble
            ? stored with
            {
                Status = default, // Of the address, not of the result: another one is asked for.
                Trouble = trouble with { Kind = TroubleKind.Away },
            }
            : await PutAsync(task, said, getUrl, ct);
    }

    private async Task<ServerAnswer> BringFileAsync(
        Func<HttpRequestMessage> request,
        string path,
        bool isDirect,
        CancellationToken ct
    )
    {
        var bytes = new FileInfo(path).Length;
        var answer = await http.BringAsync(request, TimeFor(bytes), ct);
        ServerFigures.Brought(AgentMeter.UploadFile, answer, answer.Trouble, bytes, isDirect);
        return answer;
    }

    private static HttpRequestMessage Put(Uri address, string body, JsonElement said)
    {
        var content = OpenFile(body);
        foreach (var name in (ReadOnlySpan<string>)["Content-Type", "Content-Encoding"])
        {
            if (
                said.Member("responseHeaders")?.EnumerateObject().FirstOrDefault(IsNamed) is
                { Value: { ValueKind: JsonValueKind.String } value }
            )
            {
                content.Headers.TryAddWithoutValidation(name, value.GetString());
            }

            bool IsNamed(JsonProperty header) => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase);
        }

        return new HttpRequestMessage(HttpMethod.Put, address) { Content = content };
    }

    private static HttpRequestMessage Post(Uri address, params ReadOnlySpan<HttpContent> parts)
    {
        var boundary = RandomNumberGenerator.GetHexString(BoundaryCharacters, lowercase: true);
        var whole = new MultipartFormDataContent(boundary);
        foreach (var part in parts)
        {
            whole.Add(part);
        }

        // Not every server reads a boundary in quotes.
        whole.Headers.Remove("Content-Type");
        whole.Headers.TryAddWithoutValidation("Content-Type", $"multipart/form-data; boundary={boundary}");
        return new HttpRequestMessage(HttpMethod.Post, address) { Content = whole };
    }

    private static HttpContent Part(HttpContent content, string name, string type, string? fileName)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        content.Headers.ContentDisposition = new ContentDispositionHeaderValue("form-data")
        {
            Name = $"\"{name}\"",
            FileName = fileName is null ? null : $"\"{fileName}\"",
        };
        return content;
    }

    private static StreamContent OpenFile(string path) => new(File.OpenRead(path));

    private static TimeSpan TimeFor(long bytes) => UploadWithin + TimeSpan.FromSeconds(bytes / LeastBytesPerSecond);

    private static ReadOnlyMemory<byte> Echo(FetchedTask task, JsonElement said, string? storedAt)
    {
        using var document = JsonDocument.Parse(task.Json);
        return OllamaRequest.Write(json =>
        {
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (!OfResults.Contains(member.Name))
                {
                    member.WriteTo(json);
                }
            }

            json.WriteString("version", TeleportServer.Version);
            foreach (var member in said.EnumerateObject())
            {
                member.WriteTo(json);
            }

            if (storedAt is not null)
            {
                json.WriteString("s3Url", storedAt);
            }
        });
    }

    /// <summary>The name of a call's file, the same in each try.</summary>
    private static string NameOf(FetchedTask task)
    {
        var plain = string.Concat(task.Id.Where(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
        var mark = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(task.Id)))[..6];
        return $"{(plain.Length <= MostNameCharacters ? plain : plain[..MostNameCharacters])}_{mark}";
    }

    private static string Words(ServerAnswer answer) =>
        answer.Body?.Text("message") is not { Length: > 0 } said ? ""
        : said.Length <= MostWordCharacters ? $": {said}"
        : $": {said[..MostWordCharacters]}";

    private static ServerTrouble Never(string message) => new(TroubleKind.Never, message);
}
