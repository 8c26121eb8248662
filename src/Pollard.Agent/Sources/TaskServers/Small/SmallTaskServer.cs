using System.Net;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;
using Pollard.Agent.Logs;
using Pollard.Agent.Pipeline;

namespace Pollard.Agent.Sources.TaskServers.Small;

/// <summary>
/// The small contract: <c>GET /get-task</c> hands out a task, <c>POST /complete-task</c> takes its name, and of servers that want it
/// what came of it. There is no lease: what is handed out is never handed out again, except that a gateway has
/// <c>POST /return-task</c> for what was not begun.
/// </summary>
internal sealed class SmallTaskServer(Uri server, TaskServerHttp http, BackendCatalog catalog) : ITaskServer
{
    private const int LongestId = 200;
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);
    private readonly Uri _getTask = Below(server, "get-task");
    private readonly Uri _completeTask = Below(server, "complete-task");
    private readonly Uri _returnTask = Below(server, "return-task");
    private readonly Uri _stats = Below(server, "stats");

    /// <inheritdoc/>
    public async Task<FetchReply> FetchAsync(CancellationToken ct)
    {
        var answer = await http.AskAsync(_getTask, Within, ct);
        var reply = Read(answer);
        ServerFigures.Fetched(answer, reply);
        return reply;
    }

    /// <inheritdoc/>
    public TaskJob Read(FetchedTask task, string bodyPath) => TaskWork.Read(task, catalog.Models);

    /// <inheritdoc/>
    public async Task<ServerTrouble?> DeliverAsync(FetchedTask task, TaskResult result, CancellationToken ct)
    {
        var body = await BodyAsync(task, result, ct);
        var answer = await http.BringAsync(_completeTask, body, Within, ct);
        var trouble = TroubleOf(answer);
        ServerFigures.Brought(AgentMeter.UploadResult, answer, trouble, body.Length);
        return trouble;
    }

    /// <inheritdoc/>
    public async Task<bool> GiveBackAsync(FetchedTask task, CancellationToken ct)
    {
        var body = OllamaRequest.Write(json => json.WriteString("taskId", task.Id));
        return (await http.BringAsync(_returnTask, body, Within, ct)) is { Trouble: null, Word: "success" };
    }

    /// <inheritdoc/>
    public async Task<string?> LookAsync(CancellationToken ct)
    {
        var answer = await http.AskAsync(_stats, Within, ct);
        return answer is { Trouble: null, Body: { ValueKind: JsonValueKind.Object } body }
            ? $"{body.Integer("total_tasks")} tasks so far, {body.Integer("completed_tasks")} of them completed"
            : null;
    }

    private FetchReply Read(ServerAnswer answer)
    {
        if (answer.Trouble is { } trouble)
        {
            return trouble;
        }

        if (answer is { Status: HttpStatusCode.NoContent })
        {
            return FetchReply.None;
        }

        if (answer is not { Word: "success", Body: { } body })
        {
            return Odd(answer.Word is { } word ? $"says \"{Shorten(word)}\"" : "answers something that is no task");
        }

        return body.Member("data") switch
        {
            null => FetchReply.None,
            { } data when data.Text("taskId") is { Length: > 0 and <= LongestId } id => new FetchedTask(
                id,
                OllamaRequest.Write(json => Write(json, data))
            ),
            _ => Odd("gives a task without a usable taskId"),
        };
    }

    private ServerTrouble? TroubleOf(ServerAnswer answer)
    {
        var said = Shorten(answer.Body?.Text("message") ?? "");
        return answer switch
        {
            // Its own 404 and 400 are in JSON. Others are of something else that answers there.
            { Status: HttpStatusCode.NotFound, Word: "error" } => Never($"does not know it (any more): {said}"),
            { Status: HttpStatusCode.BadRequest, Word: "error" } => Never($"does not want it: {said}"),
            { Trouble: { } trouble } => trouble,
            { IsEmpty: true } => null,
            { Body.ValueKind: JsonValueKind.Object, Word: not "error" } => null,
            _ => new(TroubleKind.Odd, $"{_completeTask} answers something that is no confirmation: {said}"),
        };
    }

    private static async Task<ReadOnlyMemory<byte>> BodyAsync(FetchedTask task, TaskResult result, CancellationToken ct)
    {
        var said = await result.ReadAsync(ct);
        return OllamaRequest.Write(body =>
        {
            body.WriteString("taskId", task.Id);
            Write(body, said);
        });
    }

    private static void Write(Utf8JsonWriter json, JsonElement members)
    {
        foreach (var member in members.EnumerateObject())
        {
            member.WriteTo(json);
        }
    }

    private ServerTrouble Odd(string what) => new(TroubleKind.Odd, $"{_getTask} {what}");

    private ServerTrouble Never(string what) => new(TroubleKind.Never, $"{server} {what}");

    private static string Shorten(string text) => text.Length <= LongestId ? text : text[..LongestId];

    // The server may live below a path.
    private static Uri Below(Uri server, string name) =>
        new($"{server.GetLeftPart(UriPartial.Path).TrimEnd('/')}/{name}");
}
