using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Backends;

namespace Pollard.Agent.Tests.Backends.Commands;

/// <summary>A folder with small programs for tests, and an agent's state beside them.</summary>
internal sealed class CommandBench : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-commands-");
    private readonly List<CommandRuns> _runs = [];

    /// <summary>The folder itself.</summary>
    public string Folder => _folder.FullName;

    /// <summary>The agent's state.</summary>
    public string State => Path.Combine(_folder.FullName, "state");

    /// <summary>The folder in which runs have theirs.</summary>
    public string RunsFolder => Path.Combine(State, "runs");

    /// <summary>What is left of runs but for the lock.</summary>
    public IEnumerable<string> LeftOver =>
        Directory
            .EnumerateFileSystemEntries(RunsFolder)
            .Select(path => Path.GetFileName(path))
            .Where(name => name != "lock");

    /// <summary>Writes a program and says where it is.</summary>
    public string Script(string body, string name = "tool")
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, "#!/bin/sh\n" + body + "\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return path;
    }

    /// <summary>The runs of an agent that starts now.</summary>
    public CommandRuns Runs(int slots = 5)
    {
        CommandRuns runs = new(State, slots, TimeProvider.System, NullLogger<CommandRuns>.Instance);
        _runs.Add(runs);
        return runs;
    }

    /// <summary>A command named <c>tool</c> whose program is this script.</summary>
    public CommandBackend Tool(string body, params string[] arguments) =>
        Backend(new TemplateOptions { Name = "tool", Words = [Script(body), .. arguments] });

    /// <summary>A backend with runs of its own.</summary>
    public CommandBackend Backend(CommandBackendOptions options, CommandRuns? runs = null) =>
        new(options, runs ?? Runs(), TimeProvider.System, NullLogger<CommandBackend>.Instance);

    /// <summary>True when a process of that id lives.</summary>
    public static bool Lives(string id)
    {
        try
        {
            return !File.ReadAllText($"/proc/{id.Trim()}/stat")
                .Split(')')[1]
                .StartsWith(" Z", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Waits until a file has a whole line, and gives the text.</summary>
    public async Task<string> UntilWrittenAsync(string name, CancellationToken ct)
    {
        var path = Path.Combine(_folder.FullName, name);
        while (!File.Exists(path) || !(await File.ReadAllTextAsync(path, ct)).EndsWith('\n'))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, ct);
        }

        return (await File.ReadAllTextAsync(path, ct)).Trim();
    }

    public void Dispose()
    {
        foreach (var runs in _runs)
        {
            runs.Dispose();
        }

        _folder.Delete(recursive: true);
    }
}
