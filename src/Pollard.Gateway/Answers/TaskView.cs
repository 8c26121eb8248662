using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Answers;

/// <summary>Makes the document of a task of its row.</summary>
internal static class TaskView
{
    /// <summary>The document, as this caller may see it; result and progress where they are given.</summary>
    public static TaskDocument Of(
        TaskRow row,
        string publicId,
        Caller caller,
        ReadOnlyMemory<byte>? result = null,
        TaskProgress? progress = null
    ) =>
        new()
        {
            Id = publicId,
            Kind = row.Kind,
            Model = row.Model.Length == 0 ? null : row.Model,
            Owner = caller.SeesAll && row.Owner.Length > 0 ? row.Owner : null,
            State = TaskFailure.Word(row.State),
            Final = row.IsFinal,
            Priority = row.Priority,
            CreatedAt = row.CreatedAt,
            StartedAt = row.StartedAt,
            EndedAt = row.EndedAt,
            RunAt = row.RunAt,
            Attempt = row.Attempt,
            MaxAttempts = row.MaxAttempts,
            Progress = progress,
            ValidationAttempts = row.ValidationAttempts,
            Name = row.Name,
            NeedsInput = row.Stage == TaskStage.InputNeeded ? true : null,
            Usage = row.Usage is { } usage ? JsonElement.Parse(usage) : null,
            Host = row.Host,
            Result = result is { Length: > 0 } bytes ? JsonElement.Parse(bytes.Span) : null,
            Error = row.Error is { } error && row.IsFinal ? ErrorOf(error) : null,
            Metadata = row.Metadata is { } metadata && caller.MayRead(row) ? JsonElement.Parse(metadata) : null,
            Version = row.Version,
            Events = row.EventCount,
            Durability = WordOf(row.Durability),
        };

    /// <summary>A durability as the wire names it.</summary>
    public static string WordOf(Durability durability) => durability == Durability.Full ? "full" : "relaxed";

    /// <summary>A task's error.</summary>
    public static Problem ErrorOf(TaskError error) =>
        new()
        {
            Type = Problems.TypeOf(error.Code),
            Title = Problems.TitleOf(error.Code),
            Detail = error.Message,
            Retryable = error.Retryable,
            Parameter = error.Parameter,
        };

    /// <summary>An error of a request, where it is not the whole answer.</summary>
    public static Problem ProblemOf(DoorError error) =>
        new()
        {
            Type = Problems.TypeOf(error.Code),
            Title = Problems.TitleOf(error.Code),
            Detail = error.Message,
            Status = error.Status,
            Task = error.TaskId,
            Parameter = error.Parameter,
        };
}
