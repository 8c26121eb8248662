using System.Globalization;
using System.Text.Json;
using Pollard.Configuration;
using Pollard.Protocol.Api;

namespace Pollard.Output;

/// <summary>Tasks, for people.</summary>
internal static class TaskPrinter
{
    /// <summary>What the program's end says about a task.</summary>
    public static int ExitCodeOf(TaskDocument task) =>
        task.State == "completed" ? ExitCode.Ok : ExitCode.TaskNotCompleted;

    /// <summary>One line a task.</summary>
    public static void Table(Printer print, IReadOnlyList<TaskDocument> tasks, DateTimeOffset now)
    {
        if (tasks.Count == 0)
        {
            print.Note("There are no such tasks.");
            return;
        }

        print.Table(
            ["ID", "STATE", "KIND", "MODEL", "AGE", "RAN", "TRY", "HOST"],
            tasks.Select(task =>
                (string[])
                    [
                        task.Id,
                        task.State,
                        task.Kind,
                        task.Model ?? "-",
                        Durations.Format(now - task.CreatedAt),
                        Ran(task, now) ?? "-",
                        $"{Number(task.Attempt)}/{Number(task.MaxAttempts)}",
                        task.Host ?? "-",
                    ]
            )
        );
    }

    /// <summary>All about one task, its result last.</summary>
    public static void Details(Printer print, TaskDocument task, DateTimeOffset now)
    {
        Field("id", task.Id);
        Field("state", task.State);
        Field("name", task.Name);
        Field("kind", task.Kind);
        Field("model", task.Model);
        Field("host", task.Host);
        Field("try", $"{Number(task.Attempt)} of {Number(task.MaxAttempts)}");
        Field("answers", task.ValidationAttempts == 0 ? null : $"{Number(task.ValidationAttempts)} judged");
        Field("needs input", task.NeedsInput == true ? $"pollard tasks input {task.Id} retry|accept|reject" : null);
        Field("priority", task.Priority == 0 ? null : Number(task.Priority));
        Field("created", Moments.Format(task.CreatedAt));
        Field("not before", task.RunAt is { } runAt ? Moments.Format(runAt) : null);
        Field("started", task.StartedAt is { } started ? Moments.Format(started) : null);
        Field("ended", task.EndedAt is { } ended ? Moments.Format(ended) : null);
        Field("ran", Ran(task, now));
        Field("progress", Progress(task.Progress));
        Field("usage", task.Usage?.GetRawText());
        Field("metadata", task.Metadata?.GetRawText());
        Field("durability", task.Durability);
        Field("events", Number(task.Events));
        Field("error", task.Error is { } error ? Describe(error) : null);
        if (task.Result is { } result)
        {
            print.Line();
            print.Line(TextOf(result));
        }
        else if (task.Progress?.Partial is { Length: > 0 } partial)
        {
            print.Line();
            print.Line(partial);
        }

        void Field(string name, string? value)
        {
            if (value is not null)
            {
                print.Line($"{name, -11} {LogLine.OneLine(value)}"); // A message of many lines could pass for other fields.
            }
        }
    }

    /// <summary>The result of a task that completed; otherwise, beside the output, why there is none.</summary>
    public static void Outcome(Printer print, TaskDocument task)
    {
        if (task is { State: "completed", Result: { } result })
        {
            print.Line(TextOf(result));
        }
        else if (!task.Final)
        {
            print.Note($"pollard: task {task.Id} has not ended; it is {task.State}. See: pollard tasks why {task.Id}");
        }
        else if (task.State != "completed")
        {
            print.Note($"pollard: task {task.Id} {Verb(task.State)}: {Describe(task.Error)}");
        }
    }

    /// <summary>An error in words.</summary>
    public static string Describe(Problem? error) => error?.Detail ?? error?.Title ?? "no reason is known";

    /// <summary>The text of a result: what a chat answered, else its JSON.</summary>
    public static string TextOf(JsonElement result)
    {
        if (
            result.ValueKind == JsonValueKind.Object
            && result.TryGetProperty("choices", out var choices)
            && choices.ValueKind == JsonValueKind.Array
            && choices.GetArrayLength() > 0
        )
        {
            var first = choices[0];
            if (
                first.TryGetProperty("message", out var message)
                && message.TryGetProperty("content", out var content)
                && content.ValueKind == JsonValueKind.String
            )
            {
                return content.GetString()!;
            }

            if (first.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String)
            {
                return text.GetString()!;
            }
        }

        return result.ValueKind == JsonValueKind.String ? result.GetString()! : result.GetRawText();
    }

    private static string Verb(string state) =>
        state switch
        {
            "timeout" => "timed out",
            "cancelled" => "was cancelled",
            _ => state,
        };

    private static string? Ran(TaskDocument task, DateTimeOffset now) =>
        task.StartedAt is { } started ? Durations.Format((task.EndedAt ?? now) - started) : null;

    private static string? Progress(TaskProgress? progress)
    {
        if (progress is null)
        {
            return null;
        }

        var percent = progress.Percent is { } value ? value.ToString("0'%'", CultureInfo.InvariantCulture) : null;
        var words = string.Join(' ', new[] { percent, progress.Message ?? progress.Phase }.OfType<string>());
        return words.Length > 0 ? words : null;
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
