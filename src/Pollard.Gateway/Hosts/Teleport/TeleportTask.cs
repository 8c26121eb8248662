using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>A call as teleport agents read it.</summary>
internal static class TeleportTask
{
    /// <summary>The answer that has the call, or why such an agent cannot make it.</summary>
    /// <param name="work">The call.</param>
    /// <param name="config">What the agent is to change in its settings; null: nothing.</param>
    /// <param name="now">When it is given.</param>
    public static (ReadOnlyMemory<byte> Json, Messages.Fail? Objection) Write(
        PolledWork work,
        TeleportSettings? config,
        DateTimeOffset now
    )
    {
        if (Read(work.Attempt, out var call, out var input) is { } objection)
        {
            return (default, objection);
        }

        var output = new ArrayBufferWriter<byte>(work.Attempt.Request.Length + 512);
        JsonReply.Fill(
            output,
            (
                work.Id,
                Call: call!,
                Input: input,
                Config: config,
                Expiry: (now + work.LeaseLeft).ToUnixTimeMilliseconds()
            ),
            static (json, it) =>
            {
                json.WriteStartObject();
                json.WriteStartObject("data"u8);
                json.WriteString("taskId"u8, it.Id);
                json.WriteString("url"u8, it.Call.Url);
                json.WriteString("method"u8, it.Call.Method?.ToUpperInvariant() ?? "GET");
                WriteHeaders(json, it.Call.Headers ?? []);
                json.WriteString("input"u8, it.Input);
                json.WriteNumber("expiryTsMs"u8, it.Expiry);
                it.Config?.Write(json);
                json.WriteEndObject();
                json.WriteEndObject();
            }
        );
        return (output.WrittenMemory, null);
    }

    private static Messages.Fail? Read(Attempt attempt, out HttpCall? call, out string? input)
    {
        (call, input) = (null, null);
        try
        {
            call = JsonSerializer.Deserialize(attempt.Request.Span, ProtocolJson.Default.HttpCall);
        }
        catch (JsonException)
        {
            return Bad("the request is no call: it has \"method\", \"url\", \"headers\" and \"body\"");
        }

        if (call?.Url is null)
        {
            return Unsupported(
                $"\"{attempt.Model}\" is an agent that has no tools of its own: it needs the whole address in \"url\", not a \"path\""
            );
        }

        if (!Uri.TryCreate(call.Url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            return Bad("\"url\" must be an address with http:// or https://");
        }

        if (call.Method is { } method && !(method.Length is > 0 and <= 32 && method.All(char.IsAsciiLetter)))
        {
            return Bad("\"method\" must be letters, such as POST");
        }

        if (call.BodyBase64 is { } bytes && !Utf8.IsValid(bytes))
        {
            return Unsupported($"\"{attempt.Model}\" is an agent that sends text alone, and the body is none");
        }

        input = call.Body ?? (call.BodyBase64 is { } text ? Encoding.UTF8.GetString(text) : null);
        return input?.Length > TeleportLimits.CallBodyBytes
            ? Unsupported(
                $"\"{attempt.Model}\" is an agent that sends at most {TeleportLimits.CallBodyBytes} characters"
            )
            : null;
    }

    private static void WriteHeaders(Utf8JsonWriter json, IReadOnlyList<HttpField> fields)
    {
        json.WriteStartObject("requestHeaders"u8);
        foreach (var lines in fields.GroupBy(static field => field.Name, StringComparer.OrdinalIgnoreCase))
        {
            json.WriteString(lines.Key, string.Join(", ", lines.Select(static line => line.Value)));
        }

        json.WriteEndObject();
    }

    private static Messages.Fail Bad(string message) =>
        new()
        {
            Code = "bad_request",
            Message = message,
            Retryable = false,
        };

    private static Messages.Fail Unsupported(string message) =>
        new()
        {
            Code = "unsupported",
            Message = message,
            Retryable = true, // A host of the same name that has tools may do it.
        };
}
