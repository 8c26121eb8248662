using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Commands;

namespace Pollard.Agent.Backends;

/// <summary>
/// All runs of commands on an agent: how many there may be at once, where each has its folder, and what an agent that crashed has
/// left behind. All command backends of an agent share one.
/// </summary>
public sealed partial class CommandRuns : IDisposable
{
    private const int MostAgents = 64;
    private const string RecordEnding = ".run";
    private const string SparePrefix = "spare-";
    private static readonly TimeSpan KeptFor = TimeSpan.FromDays(7);

    private readonly SemaphoreSlim _slots;
    private readonly FileStream _lock;
    private readonly string _folder;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Dictionary<string, Task> _last = new(StringComparer.Ordinal);
    private Task? _cleaning;

    /// <summary>Takes a folder below the agent's state that no other agent has.</summary>
    /// <param name="stateDirectory">The agent's state.</param>
    /// <param name="slots">Runs at the same time.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where it says what it cleaned up.</param>
    public CommandRuns(string stateDirectory, int slots, TimeProvider time, ILogger<CommandRuns> logger)
    {
        _slots = new(slots, slots);
        (_time, _logger) = (time, logger);
        (_folder, _lock) = TakeFolder(Path.GetFullPath(stateDirectory));
    }

    /// <summary>Ends what an agent before this one has left running; done once.</summary>
    internal Task CleanAsync()
    {
        lock (_last)
        {
            return _cleaning ??= Task.Run(EndLeftoversAsync);
        }
    }

    /// <summary>Waits for a slot, and for an earlier run of the same task to be gone.</summary>
    /// <param name="task">The task's public id.</param>
    /// <param name="waits">Waits for what it is given, and says so.</param>
    /// <param name="ct">The attempt's.</param>
    internal async Task<RunFolder> BeginAsync(string task, Func<Task, Task> waits, CancellationToken ct)
    {
        await CleanAsync().WaitAsync(ct);
        if (!await _slots.WaitAsync(TimeSpan.Zero, ct))
        {
            await waits(_slots.WaitAsync(ct));
        }

        var name = NameOf(task);
        TaskCompletionSource mine = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var before = QueueAsync(name, mine.Task);
        try
        {
            await waits(before.WaitAsync(ct));
        }
        catch
        {
            _ = before.ContinueWith( // Whoever is behind this one waits for the one before it.
                _ => mine.TrySetResult(),
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
            _slots.Release();
            throw;
        }

        return new(Path.Combine(_folder, name), Path.Combine(_folder, name + RecordEnding), () => End(name, mine));
    }

    /// <summary>A folder in which a program is started before there is a task for it.</summary>
    /// <param name="shared">The directory in which it starts, if it is to have none of its own.</param>
    internal RunFolder NewSpare(string? shared) =>
        Reopen(SparePrefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)), shared);

    /// <summary>Such a folder again, for the task that took it and comes again.</summary>
    internal RunFolder Reopen(string name, string? shared)
    {
        name = Path.GetFileName(name);
        TaskCompletionSource mine = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = QueueAsync(name, mine.Task); // It is in use: see DeleteForgotten.
        RunFolder folder = new(
            Path.Combine(_folder, name),
            Path.Combine(_folder, name + RecordEnding),
            () => Leave(name, mine)
        );
        folder.Create(shared);
        return folder;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lock.Dispose();
        _slots.Dispose();
    }

    /// <summary>Puts a run behind the last one of the same task.</summary>
    /// <returns>The end of that one.</returns>
    private Task QueueAsync(string name, Task mine)
    {
        lock (_last)
        {
            var before = _last.GetValueOrDefault(name, Task.CompletedTask);
            _last[name] = mine;
            return before;
        }
    }

    private void End(string name, TaskCompletionSource mine)
    {
        Leave(name, mine);
        _slots.Release();
    }

    private void Leave(string name, TaskCompletionSource mine)
    {
        lock (_last)
        {
            if (_last.GetValueOrDefault(name) == mine.Task)
            {
                _last.Remove(name);
            }
        }

        mine.TrySetResult();
    }

    // Two agents may have one state directory by mistake, or by an agent beside `up`: neither may end the other's runs.
    private static (string Folder, FileStream Lock) TakeFolder(string state)
    {
        for (var number = 0; ; number++)
        {
            var folder = Path.Combine(state, number == 0 ? "runs" : FormattableString.Invariant($"runs-{number}"));
            PrivateFile.CreateFolder(folder);
            try
            {
                var path = Path.Combine(folder, "lock");
                return (folder, new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException) when (number < MostAgents)
            {
                // Another agent's.
            }
        }
    }

    // The gateway gives the ids; they are letters and digits, and anything else must not become a path.
    private static string NameOf(string task) =>
        task.Length is > 0 and <= 100
        && task.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-')
            ? task
            : Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(task)));

    private async Task EndLeftoversAsync()
    {
        var ended = 0;
        foreach (var path in Directory.EnumerateFiles(_folder, "*" + RecordEnding))
        {
            if (OperatingSystem.IsLinux() && new RunJournal(path).Read() is { Mark.Length: > 0 } record)
            {
                ended += await ProcessTable.KillAllAsync(record.Mark, null, _time);
            }

            if (Path.GetFileName(path).StartsWith(SparePrefix, StringComparison.Ordinal))
            {
                File.Delete(path); // No task had taken it, so that none comes again for it.
            }
        }

        if (ended > 0)
        {
            LogEnded(_logger, ended);
        }
    }

    /// <summary>Deletes what was kept for tasks that did not come again.</summary>
    internal void DeleteForgotten()
    {
        var kept = Kept();
        foreach (var folder in Directory.EnumerateDirectories(_folder))
        {
            var name = Path.GetFileName(folder);
            lock (_last)
            {
                if (_last.ContainsKey(name))
                {
                    continue; // It runs.
                }
            }

            if (!kept.Contains(name))
            {
                Delete(folder);
            }
        }
    }

    /// <summary>The folders of tasks that may come again; the records of those that will not are deleted.</summary>
    private HashSet<string> Kept()
    {
        HashSet<string> kept = new(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(_folder, "*" + RecordEnding))
        {
            if (_time.GetUtcNow().UtcDateTime - File.GetLastWriteTimeUtc(path) >= KeptFor)
            {
                Delete(path);
                continue;
            }

            kept.Add(Path.GetFileNameWithoutExtension(path));
            if (new RunJournal(path).Read()?.Folder is { } startedIn)
            {
                kept.Add(startedIn);
            }
        }

        return kept;
    }

    private void Delete(string path)
    {
        try
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
            else
            {
                File.Delete(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogUnremovable(_logger, path, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The folder of an old run, {Folder}, cannot be removed: {Why}")]
    private static partial void LogUnremovable(ILogger logger, string folder, string why);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Ended {Count} processes of commands that an agent before this one had left running"
    )]
    private static partial void LogEnded(ILogger logger, int count);
}
