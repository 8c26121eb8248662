namespace Pollard.Agent.Backends.Commands;

/// <summary>
/// The folder of one run: the files that the run is given, and below it the directory in which the command starts. It has the
/// task's name, for a command finds its conversation again by the directory.
/// </summary>
internal sealed class RunFolder(string path, string record, Action ended) : IDisposable
{
    private readonly RunJournal _journal = new(record);
    private RunFolder? _startedIn;
    private string? _shared;
    private bool _isKept;

    /// <summary>Where the command starts.</summary>
    public string WorkingDirectory => _shared ?? _startedIn?.WorkingDirectory ?? Path.Combine(path, "work");

    /// <summary>True when no other run has the same directory.</summary>
    public bool HasOwnDirectory => _shared is null;

    /// <summary>True when the program of this run was started in another folder.</summary>
    public bool HasAdopted => _startedIn is not null;

    /// <summary>What is remembered of the run; null when that is nothing.</summary>
    public RunRecord? Remembered => _journal.Read();

    /// <summary>Makes the folder, which may be there from a run that was broken off.</summary>
    /// <param name="shared">The directory in which the command starts, if it is to have none of its own.</param>
    public void Create(string? shared)
    {
        _shared = shared;
        PrivateFile.CreateFolder(path);
        PrivateFile.CreateFolder(Path.Combine(path, "work"));
    }

    /// <summary>Takes over the folder in which this run's program was started, which goes when this one goes.</summary>
    public void Adopt(RunFolder other) => _startedIn = other;

    /// <summary>Remembers the run in case the agent does not live to its end.</summary>
    public void Remember(string mark, string command, string? session)
    {
        _journal.Write(new(mark, command, session, _startedIn?.Name));
        _startedIn?._journal.Delete(); // From here on this record is the one that names its processes.
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
                _journal.Delete();
                Directory.Delete(path, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody made it unremovable; the next run of the task, or the owner, may do better.
        }
        finally
        {
            if (_startedIn is not null)
            {
                _startedIn._isKept = _isKept;
                _startedIn.Dispose();
            }

            ended();
        }
    }

    private string Name => Path.GetFileName(path);
}
