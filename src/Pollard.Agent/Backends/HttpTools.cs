using System.Text.Json;
using Pollard.Agent.Backends.Tools;

namespace Pollard.Agent.Backends;

/// <summary>The tools of an owner's file.</summary>
public static class HttpTools
{
    /// <summary>Reads the file, a JSON object of names and tools.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="usual">What holds for a tool of which the file does not say otherwise.</param>
    /// <exception cref="InvalidDataException">It is no such file; says why.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IReadOnlyList<HttpToolOptions> Read(string path, HttpToolOptions usual)
    {
        try
        {
            var entries =
                JsonSerializer.Deserialize(
                    File.ReadAllBytes(path),
                    ToolsFileJson.Default.DictionaryStringToolsFileEntry
                ) ?? throw new FormatException("it is empty");
            return [.. entries.Select(entry => entry.Value.Over(usual, entry.Key))];
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw new InvalidDataException($"{path} is no file of tools: {e.Message}", e);
        }
    }
}
