using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Gateway.Validation;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Takes tasks, one or many in one commit.</summary>
internal sealed class TaskSubmission(
    TaskEngine engine,
    AnswerReview review,
    ModelCatalog models,
    Feasibility feasibility,
    GatewayOptions options
)
{
    /// <summary><c>POST /v1/tasks</c>.</summary>
    public async Task SubmitAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        var wanted = Read(body, models.NameToWaitUnder) with
        {
            Owner = http.GetCaller().Owner,
            IdempotencyKey = Work.IdempotencyKey(http),
            Traceparent = RequestTrace.Traceparent(http),
        };

        // No token: what is handed in is accepted or not, whether or not the client still listens.
        var task = Work.Accepted(await engine.SubmitAsync(wanted, CancellationToken.None));
        if (Preferences.Of(http).Wait is { } wait)
        {
            http.Response.Headers.Vary = "Prefer";
            http.Response.Headers["Preference-Applied"] = "wait";
            var bounded = wait < options.MaxWait ? wait : options.MaxWait;
            if (bounded > TimeSpan.Zero && (await task.WaitAsync(bounded, http.RequestAborted)).IsFinal)
            {
                http.Response.Headers[TaskHeaders.Task] = task.PublicId;
                http.Response.Headers[TaskHeaders.Durability] = TaskView.WordOf(task.Row.Durability);
                await TaskReply.WriteAsync(http, task);
                return;
            }
        }

        TaskReply.Tag(http, task);
        await Receipt.WriteAsync(http, task);
    }

    /// <summary><c>POST /v1/tasks:batch</c>: what is wrong with one item does not touch the others.</summary>
    public async Task SubmitBatchAsync(HttpContext http)
    {
        var items = ItemsOf(await RequestBody.ReadAsync(http));
        var replies = new BatchItem[items.Length];
        var wanted = ReadItems(http, items, replies);
        var answers =
            wanted.Count == 0
                ? []
                : await engine.SubmitAsync([.. wanted.Select(item => item.Task)], CancellationToken.None);
        for (var i = 0; i < answers.Count; i++)
        {
            replies[wanted[i].Index] = answers[i]
                is { Outcome: SubmitOutcome.Accepted or SubmitOutcome.Existing, Task: { } task }
                ? new BatchItem(TaskView.Of(task.Row, task.PublicId, http.GetCaller()), null)
                : new BatchItem(null, TaskView.ProblemOf(Work.Refusal(answers[i])));
        }

        await JsonReply.WriteAsync(http, new BatchReply(replies), ProtocolJson.Default.BatchReply);
    }

    private NewTask Read(ReadOnlySpan<byte> body, Func<string, string, string> nameOf)
    {
        var task = SubmitReader.Read(body, review.Plans, options);
        task = task with { Model = nameOf(task.Kind, task.Model) };
        return feasibility.Refusal(task.Kind, task.Model, task.Requires, task.RunAt) is { } refusal
            ? throw new RejectedException(refusal)
            : task;
    }

    // Not as one shape: what is wrong with one item would be wrong with all.
    private JsonElement[] ItemsOf(byte[] body)
    {
        try
        {
            var batch = JsonElement.Parse(body);
            if (
                batch.ValueKind == JsonValueKind.Object
                && batch.TryGetProperty("tasks"u8, out var tasks)
                && tasks.ValueKind == JsonValueKind.Array
                && tasks.GetArrayLength() is var count
                && count > 0
                && count <= options.MaxBatchTasks
            )
            {
                return [.. tasks.EnumerateArray()];
            }
        }
        catch (JsonException e)
        {
            throw RequestBody.Malformed(e);
        }

        throw new RejectedException(
            DoorError.BadRequest($"\"tasks\" must have 1 to {options.MaxBatchTasks} items", "tasks")
        );
    }

    private List<(int Index, NewTask Task)> ReadItems(HttpContext http, JsonElement[] items, BatchItem[] replies)
    {
        var key = Work.IdempotencyKey(http);
        var owner = http.GetCaller().Owner;
        var traceparent = RequestTrace.Traceparent(http);
        List<(int, NewTask)> wanted = [];
        Dictionary<(string, string), string> names = []; // A thousand items of one batch mostly have one model.
        for (var i = 0; i < items.Length; i++)
        {
            try
            {
                var task = Read(JsonMarshal.GetRawUtf8Value(items[i]), NameOf) with
                {
                    Owner = owner,
                    IdempotencyKey = key is null ? null : $"{key}#{i}",
                    Traceparent = traceparent,
                };
                wanted.Add((i, task));
            }
            catch (RejectedException e)
            {
                replies[i] = new BatchItem(null, TaskView.ProblemOf(e.Error));
            }
        }

        return wanted;

        string NameOf(string kind, string model) =>
            names.TryGetValue((kind, model), out var name)
                ? name
                : names[(kind, model)] = models.NameToWaitUnder(kind, model);
    }
}
