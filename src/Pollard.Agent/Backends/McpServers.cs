using System.Text.Json;
using System.Text.Json.Nodes;
using Pollard.Agent.Backends.Commands;

namespace Pollard.Agent.Backends;

/// <summary>
/// The servers of tools that the owner of an agent allows, from an ordinary <c>mcpServers</c> file. Clients name them; what a
/// client says of how to start one is not looked at.
/// </summary>
public sealed class McpServers
{
    private readonly SortedDictionary<string, string> _servers;

    private McpServers(SortedDictionary<string, string> servers) => _servers = servers;

    /// <summary>No server is allowed.</summary>
    public static McpServers None { get; } = new(new(StringComparer.Ordinal));

    /// <summary>Reads the owner's file.</summary>
    /// <exception cref="InvalidDataException">It is no such file; says why.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static McpServers Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            SortedDictionary<string, string> servers = new(StringComparer.Ordinal);
            foreach (var server in document.RootElement.GetProperty("mcpServers").EnumerateObject())
            {
                servers[server.Name] = server.Value.GetRawText();
            }

            return new(servers);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new InvalidDataException(
                $"{path} is no JSON of the form {{\"mcpServers\": {{\"NAME\": {{...}}}}}}.",
                e
            );
        }
    }

    /// <summary>The configuration of the servers that a client named, as the owner wrote it.</summary>
    /// <exception cref="Http.BackendException">One of them is not allowed; says which are.</exception>
    internal byte[] Select(IReadOnlyList<string> names)
    {
        JsonObject chosen = [];
        foreach (var name in names)
        {
            if (!_servers.TryGetValue(name, out var server))
            {
                throw CommandRequest.Bad(
                    $"the owner of this agent does not allow an MCP server of that name; {Allowed()}",
                    "mcp_config"
                );
            }

            chosen[name] = JsonNode.Parse(server);
        }

        return System.Text.Encoding.UTF8.GetBytes(new JsonObject { ["mcpServers"] = chosen }.ToJsonString());
    }

    private string Allowed() => _servers.Count == 0 ? "none is" : $"allowed: {string.Join(", ", _servers.Keys)}";
}
