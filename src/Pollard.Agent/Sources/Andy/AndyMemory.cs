using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pollard.Agent.Sources.Andy;

/// <summary>What an agent remembers of Andy servers, in a file: who it is to them, lest they take it for one more host after each start.</summary>
internal sealed class AndyMemory
{
    private const string FileName = "andy.json";
    private const int MostServers = 8;
    private readonly string _path;
    private readonly Lock _gate = new();
    private AndyFile _file;

    private AndyMemory(string path, AndyFile file) => (_path, _file) = (path, file);

    /// <summary>What this machine calls itself, to all of them.</summary>
    public string Uuid => _file.Uuid;

    /// <summary>Reads the file, or begins one. What cannot be read is worth no more than a new name.</summary>
    public static AndyMemory Open(string directory)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, FileName);
        try
        {
            if (
                File.Exists(path)
                && JsonSerializer.Deserialize(File.ReadAllBytes(path), AndyMemoryJson.Default.AndyFile)
                    is { Uuid: not null, Servers: not null } file
            )
            {
                return new AndyMemory(path, file);
            }
        }
        catch (JsonException)
        {
            // Written anew below.
        }

        var made = new AndyMemory(path, new AndyFile(Guid.CreateVersion7().ToString(), []));
        made.Save();
        return made;
    }

    /// <summary>The id that a server gave this machine last; null when none is known.</summary>
    public string? Find(Uri server)
    {
        lock (_gate)
        {
            return _file.Servers.FirstOrDefault(known => known.Url == server.AbsoluteUri)?.Id;
        }
    }

    /// <summary>Remembers the id that a server gave; null forgets it.</summary>
    public void Remember(Uri server, string? id)
    {
        lock (_gate)
        {
            var others = _file.Servers.Where(known => known.Url != server.AbsoluteUri);
            _file = _file with
            {
                Servers = id is null
                    ? [.. others]
                    : [.. others.TakeLast(MostServers - 1), new AndyServerId(server.AbsoluteUri, id)],
            };
            Save();
        }
    }

    private void Save() => PrivateFile.Replace(_path, _file, AndyMemoryJson.Default.AndyFile);
}

/// <summary>The file.</summary>
internal sealed record AndyFile(string Uuid, IReadOnlyList<AndyServerId> Servers);

/// <summary>What one server calls this machine.</summary>
internal sealed record AndyServerId(string Url, string Id);

/// <summary>How the file lies on disk.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(AndyFile))]
internal sealed partial class AndyMemoryJson : JsonSerializerContext;
