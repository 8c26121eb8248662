using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers.Small;

/// <summary>
/// A task of the small contract as work for a backend. It may say <c>kind</c>, <c>model</c> and <c>request</c>; what says no kind, or only
/// that it is a task, is a chat if it has <c>messages</c> or a <c>prompt</c>, and else goes whole to the first backend that takes tasks,
/// is a command, or is a tool.
/// </summary>
internal static class TaskWork
{
    private const string Chat = "chat";
    private static readonly IReadOnlyList<string> UsualKinds = [Chat, "completion"];

    /// <summary>How long a run may take: as long as a gateway allows where nobody says.</summary>
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(10);

    private static readonly Messages.Fail Unfit = new()
    {
        Code = "unsupported",
        Message =
            "nothing here runs such a task: it has neither messages, a prompt nor a request, and there is no command or tool",
        Retryable = false,
    };

    /// <summary>The task as work for one of these models; without any when it names none, and nothing here can do it.</summary>
    /// <param name="task">The task.</param>
    /// <param name="models">What there is.</param>
    public static TaskJob Read(FetchedTask task, IReadOnlyList<ModelInfo> models)
    {
        var output = new SmallOutput();
        var work = WorkOf(task, models);
        return new TaskJob
        {
            Work = work,
            Done = work is null ? output.Fail(Unfit) : null,
            Output = output,
            IsRepeatable = work is null || !IsCall(task) || IsRepeatable(work.Request),
        };
    }

    /// <summary>True when the task itself is the call of a tool. One that goes whole to a tool is run again like any other.</summary>
    private static bool IsCall(FetchedTask task)
    {
        using var document = JsonDocument.Parse(task.Json);
        return document.RootElement.Text("kind") == HttpCall.Kind;
    }

    private static WorkItem? WorkOf(FetchedTask task, IReadOnlyList<ModelInfo> models)
    {
        using var document = JsonDocument.Parse(task.Json);
        var json = document.RootElement;
        var ways = WaysOf(task, json);
        var named = NameIn(json) ?? NameIn(json.Member("request") ?? default);
        foreach (var (kind, request) in ways)
        {
            if (models.FirstOrDefault(model => IsFor(model, kind, named)) is { } fit)
            {
                return new WorkItem(Offer(task, kind, named ?? fit.Name), request);
            }
        }

        // A model that is not here: the pipeline says so, and what is here in its stead.
        return named is null ? null : new WorkItem(Offer(task, ways[0].Kind, named), ways[0].Request);
    }

    /// <summary>As what it may be run, the best first.</summary>
    private static List<(string Kind, ReadOnlyMemory<byte> Request)> WaysOf(FetchedTask task, JsonElement json)
    {
        var kind = json.Text("kind");
        var said = json; // What is to be done: all of the task, or the part of it that says so.
        var whole = task.Json;
        if (json.Member("request") is { ValueKind: JsonValueKind.Object } request)
        {
            said = request;
            whole = Encoding.UTF8.GetBytes(request.GetRawText());
            if (kind != WorkItem.WholeTask)
            {
                return [(kind ?? Chat, whole)];
            }
        }

        List<(string, ReadOnlyMemory<byte>)> ways =
        [
            (WorkItem.WholeTask, whole),
            ("command", OllamaRequest.Write(body => body.WriteString("prompt", whole.Span))),
            (HttpCall.Kind, JsonSerializer.SerializeToUtf8Bytes(Posted(whole), ProtocolJson.Default.HttpCall)),
        ];
        if (said.Member("messages") is { ValueKind: JsonValueKind.Array } || said.Text("prompt") is not null)
        {
            ways.Insert(0, (kind is null or WorkItem.WholeTask ? Chat : kind, ChatOf(said)));
        }

        return ways;
    }

    private static bool IsRepeatable(ReadOnlyMemory<byte> request)
    {
        try
        {
            return JsonSerializer.Deserialize(request.Span, ProtocolJson.Default.HttpCall)?.IsRepeatable != false;
        }
        catch (JsonException)
        {
            return true; // It is no call, and will not be made.
        }
    }

    private static HttpCall Posted(ReadOnlyMemory<byte> task) =>
        new()
        {
            Method = "POST",
            Path = "", // To the tool's address as it is.
            Headers = [new HttpField("Content-Type", "application/json")],
            Body = Encoding.UTF8.GetString(task.Span),
        };

    private static string? NameIn(JsonElement said) => said.Text("model") is { Length: > 0 } name ? name : null;

    private static bool IsFor(ModelInfo model, string kind, string? named) =>
        (model.Kinds ?? UsualKinds).Contains(kind, StringComparer.Ordinal)
        && (named is null ? model.Name != "*" : model.Name == named || model.Name == "*");

    private static ReadOnlyMemory<byte> ChatOf(JsonElement task) =>
        OllamaRequest.Write(json =>
        {
            json.WritePropertyName("messages");
            if (task.Member("messages") is { } messages)
            {
                messages.WriteTo(json);
                return;
            }

            json.WriteStartArray();
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteString("content", task.Text("prompt"));
            json.WriteEndObject();
            json.WriteEndArray();
        });

    private static Messages.Offer Offer(FetchedTask task, string kind, string model) =>
        new()
        {
            Attempt = task.Id,
            Task = task.Id,
            Kind = kind,
            Model = model,
            TimeoutSeconds = Within.TotalSeconds,
        };
}
