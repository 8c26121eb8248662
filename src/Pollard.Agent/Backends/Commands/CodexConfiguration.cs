using Pollard.Agent.Backends.Http;
using Tomlyn;
using Tomlyn.Model;
using Tomlyn.Serialization;

namespace Pollard.Agent.Backends.Commands;

/// <summary>Reads of the machine's own configuration of Codex what clients are to be kept from.</summary>
internal static class CodexConfiguration
{
    /// <summary>The MCP servers of the whole machine, of the user, and of the projects around a directory.</summary>
    /// <param name="home">Where Codex keeps its own.</param>
    /// <param name="directory">Where it starts.</param>
    /// <exception cref="BackendException">A file is no TOML, so that nobody knows what is in it.</exception>
    public static IReadOnlyList<OwnServer> Servers(string home, string directory)
    {
        List<string> files = ["/etc/codex/config.toml", Path.Combine(home, "config.toml")];
        for (var folder = new DirectoryInfo(directory); folder is not null; folder = folder.Parent)
        {
            files.Add(Path.Combine(folder.FullName, ".codex", "config.toml"));
        }

        return [.. files.SelectMany(ServersOf).DistinctBy(server => server.Name, StringComparer.Ordinal)];
    }

    private static IEnumerable<OwnServer> ServersOf(string path)
    {
        try
        {
            return
                TomlSerializer.Deserialize(File.ReadAllText(path), TomlTables.Default.TomlTable) is { } file
                && file.TryGetValue("mcp_servers", out var servers)
                ? (servers as TomlTable ?? []).Select(server => new OwnServer(server.Key, HasAddress(server.Value)))
                : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // Codex, which is the same user, has no more of it.
        }
        catch (TomlException e)
        {
            var message = $"{path} is no TOML that this agent can read, so its MCP servers cannot be turned off";
            throw new BackendException(CommandFailure.Said("codex", $"{message}: {e.Message}"), e);
        }
    }

    private static bool HasAddress(object server) => server is TomlTable table && table.ContainsKey("url");
}

/// <summary>What is read of TOML, without reflection.</summary>
[TomlSerializable(typeof(TomlTable))]
internal sealed partial class TomlTables : TomlSerializerContext;
