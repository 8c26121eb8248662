namespace Pollard.Agent.Backends.Commands;

/// <summary>
/// The folder of one run: the files that the run is given, and below it the directory in which the command starts. It has the
/// task's name, for a command finds its conversation again by the directory.
/// </summary>
internal sealed class RunFolder(string path, string record, Action ended) : IDisposable
{
    private bool _isKept;

    /// <summary>What is remembered of the run.</summary>
    public RunJournal Journal { get; } = new(record);

    /// <summary>A directory of its own for the command.</summary>
    public string WorkingDirectory => Path.Combine(path, "work");

    /// <summary>Makes the folder, which may be there from a run that was broken off.</summary>
    public void Create()
    {
        PrivateFile.CreateFolder(path);
        PrivateFile.CreateFolder(WorkingDirectory);
    }

    /// <summary>Writes a file for the run, for nobody else to read, beside the directory in which the command starts.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name, ReadOnlySpan<byte> bytes)
    {
        var file = Path.Combine(path, name);
        PrivateFile.Write(file, bytes);
        return file;
    }

    /// <summary>Keeps the record and the directory: the task will come again, and goes on where it stopped.</summary>
    public void KeepForResume() => _isKept = true;

    /// <summary>Removes what is not to be kept, and lets the task's next run begin.</summary>
    public void Dispose()
    {
        try
        {
            if (!_isKept)
            {
                Journal.Delete();
                Directory.Delete(path, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody made it unremovable; the next run of the task, or the owner, may do better.
        }
        finally
        {
            ended();
        }
    }
}
