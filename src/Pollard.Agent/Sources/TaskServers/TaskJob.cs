using Pollard.Agent.Backends;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>A task as its server means it.</summary>
internal sealed class TaskJob : IDisposable
{
    /// <summary>What is to be done; null when <see cref="Done"/> says what came of it.</summary>
    public WorkItem? Work { get; init; }

    /// <summary>What came of it without any work, or why there can be none.</summary>
    public TaskOutcome? Done { get; init; }

    /// <summary>Where the output of the work goes.</summary>
    public required ITaskOutput Output { get; init; }

    /// <summary>False: done twice it has another effect than done once, so that only one run is ever begun.</summary>
    public bool IsRepeatable { get; init; } = true;

    /// <inheritdoc/>
    public void Dispose() => Output.Dispose();
}
