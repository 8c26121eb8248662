namespace Pollard.Bench.Machine;

/// <summary>A folder for one measurement.</summary>
internal sealed class BenchFolder : IDisposable
{
    public BenchFolder(string? parent) =>
        Path = parent is null
            ? Directory.CreateTempSubdirectory("pollard-bench-").FullName
            : Directory.CreateDirectory(System.IO.Path.Combine(parent, $"bench-{Guid.CreateVersion7():N}")).FullName;

    public string Path { get; }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
