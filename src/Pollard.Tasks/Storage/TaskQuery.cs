namespace Pollard.Tasks.Storage;

/// <summary>Which tasks to list; null members do not matter.</summary>
public sealed record TaskQuery
{
    /// <summary>The most labels in one query.</summary>
    public const int MostLabels = 8;

    /// <summary>The owner whose tasks; null for all owners.</summary>
    public string? Owner { get; init; }

    /// <summary>In this state.</summary>
    public TaskState? State { get; init; }

    /// <summary>Of this kind.</summary>
    public string? Kind { get; init; }

    /// <summary>With this model.</summary>
    public string? Model { get; init; }

    /// <summary>That require a host with all of these labels, <see cref="MostLabels"/> at the most.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Older than this one.</summary>
    public TaskId? Before { get; init; }

    /// <summary>At most so many, 1 to 1,000.</summary>
    public int Limit { get; init; } = 50;

    /// <summary>True for a row that belongs into the list.</summary>
    public bool Matches(TaskRow row) =>
        (Owner is null || row.Owner == Owner)
        && (State is null || row.State == State)
        && (Kind is null || row.Kind == Kind)
        && (Model is null || row.Model == Model)
        && (Before is null || row.Id < Before.Value)
        && Labels.All(label => row.Requires?.Labels?.Contains(label, StringComparer.Ordinal) == true);
}

/// <summary>One page of a list.</summary>
/// <param name="Rows">The rows, newest first; may be fewer than were asked for, or none, and still not be the last.</param>
/// <param name="Next">The <see cref="TaskQuery.Before"/> of the next page; null when there is none.</param>
public sealed record TaskListing(IReadOnlyList<TaskRow> Rows, TaskId? Next);
