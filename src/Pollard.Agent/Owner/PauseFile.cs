using System.Text.Json;

namespace Pollard.Agent.Owner;

/// <summary>Keeps a pause over restarts of the agent, in a file that only its user may read.</summary>
internal sealed class PauseFile(string directory)
{
    private readonly string _path = Path.Combine(directory, "agent-pause.json");

    /// <summary>The pause that holds; null when there is none. What cannot be read is a pause: the owner wanted one.</summary>
    public Pause? Read()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(_path), OwnerJson.Default.Pause) ?? new Pause(null);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return new Pause(null);
        }
    }

    /// <summary>Keeps a pause; null ends it.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(Pause? pause)
    {
        if (pause is null)
        {
            File.Delete(_path);
            return;
        }

        PrivateFile.Replace(_path, pause, OwnerJson.Default.Pause);
    }
}
