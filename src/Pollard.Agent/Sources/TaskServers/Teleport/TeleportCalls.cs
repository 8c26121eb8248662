using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers.Teleport;

/// <summary>A server's calls as work for the owner's tools: each goes to the tool whose address it is below, and to no other address.</summary>
internal sealed class TeleportCalls(IReadOnlyList<HttpToolBackend> tools, AgentOptions options)
{
    private const string AcceptEncoding = "Accept-Encoding";

    /// <summary>The tools, for people.</summary>
    public string Tools => string.Join(", ", tools.Select(static tool => tool.ToolName));

    /// <summary>What a call is.</summary>
    /// <param name="task">The call.</param>
    /// <param name="bodyPath">Where a large answer goes.</param>
    /// <param name="isDirect">Such an answer is put where the server says, as it is.</param>
    public TaskJob Read(FetchedTask task, string bodyPath, bool isDirect)
    {
        var output = new TeleportOutput(bodyPath, isDirect);
        using var document = JsonDocument.Parse(task.Json);
        var said = document.RootElement;
        var url = said.Text("url");
        if (IsForLogs(task, url))
        {
            return Over(output, TeleportLogs.Pack(options.LogFiles, bodyPath, output));
        }

        var left = (task.Until ?? DateTimeOffset.MaxValue) - options.Time.GetUtcNow();
        if (left <= TimeSpan.Zero)
        {
            return Over(
                output,
                output.Fail(Failure("expired", "the time of the call was over before it could be made"))
            );
        }

        if (!Uri.TryCreate(url, UriKind.Absolute, out var address))
        {
            return Over(output, output.Fail(Failure("bad_request", "\"url\" must be a whole address")));
        }

        if (ToolAt(address) is not { } tool)
        {
            return Over(
                output,
                output.Fail(Failure("not_allowed", "the address is not one that this agent's owner lists"))
            );
        }

        var call = CallOf(said, url);
        return new TaskJob
        {
            Work = new WorkItem(
                Offer(task, tool.ToolName, left),
                JsonSerializer.SerializeToUtf8Bytes(call, ProtocolJson.Default.HttpCall)
            ),
            Output = output,
            IsRepeatable = call.IsRepeatable,
        };
    }

    // Of tools that lie below one another it is the inner one's.
    private HttpToolBackend? ToolAt(Uri address) =>
        tools.Where(tool => tool.Reaches(address)).MaxBy(static tool => tool.Root.Length);

    private static bool IsForLogs(FetchedTask task, string? url) =>
        url?.Contains("agent/fetch-logs", StringComparison.Ordinal) == true
        && task.Id.Contains("fetchLogs", StringComparison.Ordinal);

    private static HttpCall CallOf(JsonElement said, string? url) =>
        new()
        {
            Method = said.Text("method") is { Length: > 0 } method ? method.ToUpperInvariant() : "GET",
            Url = url,
            Headers = [.. FieldsOf(said), new HttpField(AcceptEncoding, "identity")], // Servers take bodies as they are.
            Body = said.Member("input") switch
            {
                null => null,
                { ValueKind: JsonValueKind.String } text => text.GetString(),
                { } other => other.GetRawText(),
            },
        };

    private static IEnumerable<HttpField> FieldsOf(JsonElement said) =>
        said.Member("requestHeaders") is { ValueKind: JsonValueKind.Object } headers
            ? headers
                .EnumerateObject()
                .Where(static header => !header.Name.Equals(AcceptEncoding, StringComparison.OrdinalIgnoreCase))
                .SelectMany(static header => ValuesOf(header.Value).Select(value => new HttpField(header.Name, value)))
            : [];

    private static IEnumerable<string> ValuesOf(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Null => [],
            JsonValueKind.String => [value.GetString()!],
            JsonValueKind.Array => value.EnumerateArray().SelectMany(ValuesOf),
            _ => [value.GetRawText()],
        };

    private static TaskJob Over(TeleportOutput output, TaskOutcome outcome) =>
        new() { Done = outcome, Output = output };

    private static Messages.Offer Offer(FetchedTask task, string tool, TimeSpan left) =>
        new()
        {
            Attempt = task.Id,
            Task = task.Id,
            Kind = HttpCall.Kind,
            Model = tool,
            TimeoutSeconds = left.TotalSeconds,
        };

    private static Messages.Fail Failure(string code, string message) =>
        new()
        {
            Code = code,
            Message = message,
            Retryable = false,
        };
}
