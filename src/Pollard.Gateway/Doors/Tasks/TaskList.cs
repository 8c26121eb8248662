using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Lists tasks, newest first.</summary>
internal sealed class TaskList(TaskEngine engine)
{
    private const int DefaultLimit = 50;
    private const int MostLimit = 1_000;

    /// <summary><c>GET /v1/tasks</c>.</summary>
    public async Task ListAsync(HttpContext http)
    {
        var query = http.Request.Query;
        var listing = await engine.ListAsync(
            new TaskQuery
            {
                Owner = http.GetCaller().Scope ?? TextOf(query["owner"]),
                State = StateOf(TextOf(query["state"])),
                Kind = TextOf(query["kind"]),
                Model = TextOf(query["model"]),
                Before = BeforeOf(TextOf(query["before"])),
                Labels = LabelsOf(query["label"]),
                Limit = LimitOf(query["limit"]),
            },
            http.RequestAborted
        );
        var page = new TaskPage(
            [.. listing.Rows.Select(row => TaskView.Of(row, engine.Ids.Format(row.Id), http.GetCaller()))],
            listing.Next is { } next ? engine.Ids.Format(next) : null
        );
        await JsonReply.WriteAsync(http, page, ProtocolJson.Default.TaskPage);
    }

    private static string? TextOf(string? value) => string.IsNullOrEmpty(value) ? null : value;

    private static string[] LabelsOf(StringValues words)
    {
        string[] labels = [.. words.OfType<string>().Where(word => word.Length > 0).Distinct(StringComparer.Ordinal)];
        return labels.Length <= TaskQuery.MostLabels
            ? labels
            : throw new RejectedException(
                DoorError.BadRequest($"\"label\" may be given {TaskQuery.MostLabels} times", "label")
            );
    }

    private static int LimitOf(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return DefaultLimit;
        }

        return
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit is >= 1 and <= MostLimit
            ? limit
            : throw new RejectedException(DoorError.BadRequest($"\"limit\" must be 1 to {MostLimit}", "limit"));
    }

    private static TaskState? StateOf(string? word)
    {
        if (word is null)
        {
            return null;
        }

        foreach (var state in Enum.GetValues<TaskState>())
        {
            if (TaskFailure.Word(state) == word)
            {
                return state;
            }
        }

        const string Rule = "\"state\" must be pending, running, completed, failed, timeout or cancelled";
        throw new RejectedException(DoorError.BadRequest(Rule, "state"));
    }

    private TaskId? BeforeOf(string? text)
    {
        if (text is null)
        {
            return null;
        }

        return engine.Ids.TryParse(text, out var id)
            ? id
            : throw new RejectedException(
                DoorError.BadRequest("\"before\" must be the \"next\" of an earlier page", "before")
            );
    }
}
