using System.Net;
using System.Text;
using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>What an agent says of a call that it made.</summary>
/// <param name="TaskId">Which call.</param>
/// <param name="Status">The tool's status.</param>
/// <param name="Fields">The tool's header, as far as it is about the answer.</param>
/// <param name="Output">The answer's body, where the agent sends it along.</param>
/// <param name="StoredAt">Where the agent put the body; null: nowhere.</param>
/// <param name="Failure">Why there is no answer of the tool; null: there is one.</param>
internal sealed record TeleportResult(
    string TaskId,
    int Status,
    IReadOnlyList<HttpField> Fields,
    ReadOnlyMemory<byte> Output,
    string? StoredAt,
    Messages.Fail? Failure
)
{
    private const string AgentError = "Agent Side Error";
    private const string PastItsTime = "Invalid timeout"; // What the agent says of a call whose time it takes to be over.
    private const int MostMessageCharacters = 2_000;

    /// <summary>What the agent says; null when it names no call.</summary>
    public static TeleportResult? Read(JsonElement said)
    {
        if (said.Text("taskId") is not { Length: > 0 } taskId)
        {
            return null;
        }

        var (output, isReadable) = OutputOf(said);
        var status = said.Number("statusCode");
        var isStatus = status is >= 200 and <= 599;
        return new TeleportResult(
            taskId,
            isStatus ? (int)status! : 0,
            FieldsOf(said),
            output,
            said.Text("s3Url"),
            status == (int)HttpStatusCode.InternalServerError && AgentErrorOf(said, output) is { } error
                    ? Fail(Explain(error))
                : !isStatus ? Fail("the agent brought no status of the tool")
                : !isReadable ? Fail("the agent brought a body that is no base64")
                : null
        );
    }

    /// <summary>How the answer begins.</summary>
    /// <param name="start">The body's first bytes: their program unpacks what a tool has packed, and leaves the header as it was.</param>
    public HttpHead HeadOf(ReadOnlySpan<byte> start)
    {
        var isPacked = start is [0x1f, 0x8b, ..];
        return new HttpHead
        {
            Status = Status,
            Headers =
            [
                .. Fields.Where(field =>
                    !field.Name.Equals("content-encoding", StringComparison.OrdinalIgnoreCase)
                    || (isPacked && field.Value.Contains("gzip", StringComparison.OrdinalIgnoreCase))
                ),
            ],
        };
    }

    private static (ReadOnlyMemory<byte> Output, bool IsReadable) OutputOf(JsonElement said)
    {
        if (said.Member("output") is not { ValueKind: JsonValueKind.String } output)
        {
            return (default, true);
        }

        return said.Flag("responseBase64") != true ? (Encoding.UTF8.GetBytes(output.GetString()!), true)
            : output.TryGetBytesFromBase64(out var bytes) ? (bytes, true)
            : (default, false);
    }

    // A tool may answer 500 as well; the agent's own words stand as they are, or as base64 like any output.
    private static string? AgentErrorOf(JsonElement said, ReadOnlyMemory<byte> output) =>
        said.Text("output") is { } text && text.StartsWith(AgentError, StringComparison.Ordinal) ? text
        : output.Length < MostMessageCharacters
        && Encoding.UTF8.GetString(output.Span) is var decoded
        && decoded.StartsWith(AgentError, StringComparison.Ordinal)
            ? decoded
        : null;

    private static string Explain(string error) =>
        error.Contains(PastItsTime, StringComparison.OrdinalIgnoreCase)
            ? $"{error} (the agent's clock may be ahead of the gateway's)"
            : error;

    private static Messages.Fail Fail(string message) =>
        new()
        {
            Code = "agent_error",
            Message = PlainText.Of(message, MostMessageCharacters),
            Retryable = false, // Whether the tool was called nobody knows.
        };

    private static List<HttpField> FieldsOf(JsonElement said)
    {
        var fields = new List<HttpField>();
        var left = TeleportLimits.FieldCharacters;
        if (said.Object("responseHeaders") is not { } headers)
        {
            return fields;
        }

        foreach (var header in headers.EnumerateObject())
        {
            foreach (var value in ValuesOf(header.Value))
            {
                left -= header.Name.Length + value.Length;
                if (left < 0 || fields.Count == TeleportLimits.Fields)
                {
                    return fields;
                }

                if (IsOfTheAnswer(header.Name) && !value.AsSpan().ContainsAny("\r\n\0"))
                {
                    fields.Add(new HttpField(header.Name, value));
                }
            }
        }

        return fields;
    }

    private static IEnumerable<string> ValuesOf(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.String => [value.GetString()!],
            JsonValueKind.Number => [value.GetRawText()],
            JsonValueKind.Array => value
                .EnumerateArray()
                .Where(static item => item.ValueKind == JsonValueKind.String)
                .Select(static item => item.GetString()!),
            _ => [],
        };

    // The agent unpacks bodies, whose length is another one then.
    private static bool IsOfTheAnswer(string name) =>
        HttpFields.IsName(name)
        && !HttpFields.IsOfConnection(name)
        && !name.Equals("content-length", StringComparison.OrdinalIgnoreCase);
}
