using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>
/// What was fetched from one server and is not confirmed yet, in a folder: a file for each task before it is run, and one or two for
/// its result until the server has it. Each is on disk when the call returns, whole or not at all. One agent at a time.
/// </summary>
internal sealed partial class TaskJournal : IDisposable
{
    private const string TaskEnd = ".task";
    private const string ResultEnd = ".result";
    private const string BodyEnd = ".body";
    private const int MostInMemoryBytes = 64 * 1024;
    private const int NameLength = 32;
    private readonly string _folder;
    private readonly FileStream _lock;
    private readonly ILogger _logger;

    private TaskJournal(string folder, FileStream held, ILogger logger) =>
        (_folder, _lock, _logger) = (folder, held, logger);

    /// <summary>Opens a server's journal.</summary>
    /// <exception cref="IOException">It cannot be used, or another agent uses it.</exception>
    /// <exception cref="UnauthorizedAccessException">Somebody else's user has made it.</exception>
    public static TaskJournal Open(string stateDirectory, Uri server, ILogger logger)
    {
        var address = server.AbsoluteUri.TrimEnd('/');
        var name = $"{server.IdnHost.Replace(':', '-')}-{server.Port}-{NameOf(address)[..8]}"; // For people, and for sure.
        var folder = Path.Combine(stateDirectory, "task-servers", name);
        PrivateFile.CreateFolder(folder);
        var held = new FileStream(
            Path.Combine(folder, "lock"),
            FileMode.OpenOrCreate,
            FileAccess.Write,
            FileShare.None
        );
        return new TaskJournal(folder, held, logger);
    }

    /// <summary>What an agent has left here, oldest first: tasks to be run, and those with results to be brought.</summary>
    public IReadOnlyList<TaskEntry> Read()
    {
        List<(DateTime At, TaskEntry Entry)> found = [];
        foreach (var path in Directory.EnumerateFiles(_folder))
        {
            var name = Path.GetFileName(path);
            if (name.EndsWith(TaskEnd, StringComparison.Ordinal) && ReadEntry(path) is { } entry)
            {
                found.Add((File.GetLastWriteTimeUtc(path), entry));
            }
            else if (IsStray(path, name))
            {
                File.Delete(path);
            }
        }

        return [.. found.OrderBy(one => one.At).Select(one => one.Entry)];
    }

    /// <summary>Where the large part of a task's result belongs. Who writes there has it on disk before the result is kept.</summary>
    public string BodyPathOf(FetchedTask task) => PathOf(task.Id, BodyEnd);

    /// <summary>Keeps a task, before it is run.</summary>
    /// <param name="task">The task.</param>
    /// <param name="isBegun">True: it is being run, which may happen only once.</param>
    /// <exception cref="IOException">It cannot be kept.</exception>
    public void Keep(FetchedTask task, bool isBegun = false) =>
        PrivateFile.Replace(
            PathOf(task.Id, TaskEnd),
            Backends
                .Ollama.OllamaRequest.Write(json =>
                {
                    json.WriteString("id", task.Id);
                    if (task.Until is { } until)
                    {
                        json.WriteString("until", until);
                    }

                    json.WriteBoolean("begun", isBegun);
                    json.WritePropertyName("task");
                    json.WriteRawValue(task.Json.Span);
                })
                .Span
        );

    /// <summary>Keeps a result; what is returned is to be brought: a large one lies in its file from now on.</summary>
    /// <exception cref="IOException">It cannot be kept.</exception>
    public TaskResult Keep(string id, TaskResult result)
    {
        var path = PathOf(id, ResultEnd);
        PrivateFile.Replace(path, result.Json.Span);
        return result.Json.Length > MostInMemoryBytes ? result with { Json = default, File = path } : result;
    }

    /// <summary>Forgets a task: its server has the result, or will never take one.</summary>
    public void Forget(string id)
    {
        try
        {
            File.Delete(PathOf(id, TaskEnd)); // This one first: a result without its task is a stray, a task without its result is run again.
            File.Delete(PathOf(id, ResultEnd));
            File.Delete(PathOf(id, BodyEnd));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotForgotten(_logger, id, e.Message);
        }
    }

    /// <summary>Finds out whether a task could be kept now.</summary>
    /// <exception cref="IOException">It could not.</exception>
    public void Probe()
    {
        var path = Path.Combine(_folder, "probe");
        PrivateFile.Replace(path, new byte[MostInMemoryBytes]);
        File.Delete(path);
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    private TaskEntry? ReadEntry(string path)
    {
        try
        {
            var kept = JsonElement.Parse(File.ReadAllBytes(path));
            var task = new FetchedTask(
                kept.Text("id") ?? throw new JsonException("it has no id"),
                Encoding.UTF8.GetBytes(kept.GetProperty("task").GetRawText()),
                kept.Member("until")?.GetDateTimeOffset()
            );
            return new TaskEntry(task)
            {
                IsKept = true,
                IsBegun = kept.IsTrue("begun"),
                Result = ReadResult(Path.ChangeExtension(path, ResultEnd)),
            };
        }
        catch (Exception e)
            when (e
                    is JsonException
                        or KeyNotFoundException
                        or FormatException
                        or InvalidOperationException
                        or IOException
                        or UnauthorizedAccessException
            )
        {
            LogUnreadable(_logger, path, e.Message);
            return null;
        }
    }

    private TaskResult? ReadResult(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            var json = File.ReadAllBytes(path);
            _ = JsonElement.Parse(json);
            var body = Path.ChangeExtension(path, BodyEnd);
            return new TaskResult(
                json.Length > MostInMemoryBytes ? default : json,
                json.Length > MostInMemoryBytes ? path : null,
                File.Exists(body) ? body : null
            );
        }
        catch (JsonException e)
        {
            LogUnreadable(_logger, path, e.Message); // The task is run again.
            return null;
        }
    }

    /// <summary>True for what a crash has left of a write, and for the result of a task that was forgotten.</summary>
    private static bool IsStray(string path, string name) =>
        name != "lock"
        && !name.EndsWith(TaskEnd, StringComparison.Ordinal)
        && !(Path.GetExtension(name) is ResultEnd or BodyEnd && File.Exists(Path.ChangeExtension(path, TaskEnd)));

    private string PathOf(string id, string end) => Path.Combine(_folder, NameOf(id) + end);

    // A name of the server's may be anything, also a path.
    private static string NameOf(string id) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..NameLength];

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The journal's file {Path} cannot be read and stays where it is: {Reason}"
    )]
    private static partial void LogUnreadable(ILogger logger, string path, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Task {Task} stays in the journal and may be delivered again after a restart: {Reason}"
    )]
    private static partial void LogNotForgotten(ILogger logger, string task, string reason);
}

/// <summary>A task on its way through the pipeline.</summary>
internal sealed class TaskEntry(FetchedTask task)
{
    /// <summary>The task.</summary>
    public FetchedTask Task => task;

    /// <summary>What came of it; null until then.</summary>
    public TaskResult? Result { get; set; }

    /// <summary>True once it is in the journal: an agent that ends may leave it there.</summary>
    public bool IsKept { get; set; }

    /// <summary>True once a run of it has begun, also by the agent before.</summary>
    public bool IsBegun { get; set; }

    /// <summary>When it came into the queue in which it is, in the clock's own ticks.</summary>
    public long Since { get; set; }

    /// <summary>How long it had waited when it was begun.</summary>
    public TimeSpan Waited { get; set; }
}
