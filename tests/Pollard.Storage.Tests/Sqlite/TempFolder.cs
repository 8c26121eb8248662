namespace Pollard.Storage.Tests.Sqlite;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("pollard-store-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
