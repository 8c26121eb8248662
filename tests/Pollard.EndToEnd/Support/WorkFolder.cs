namespace Pollard.EndToEnd.Support;

/// <summary>A folder that looks like the sources to who types commands in it.</summary>
internal sealed class WorkFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-docs-");

    public WorkFolder()
    {
        File.CreateSymbolicLink(System.IO.Path.Combine(Path, "pollard"), PollardProcess.Executable);
        foreach (
            var (name, target) in ((string, string)[])
                [("eng", "eng"), ("docs", "docs"), ("node_modules", "tests/Pollard.EndToEnd/clients/node_modules")]
        )
        {
            Directory.CreateSymbolicLink(System.IO.Path.Combine(Path, name), Sources.In(target));
        }
    }

    public string Path => _folder.FullName;

    public void Dispose() => _folder.Delete(recursive: true);
}
