namespace Pollard.Agent.Sources.TaskServers.Teleport;

/// <summary>Where the parts of the contract are.</summary>
internal sealed class TeleportPlace
{
    private const string Prefix = "/api/http-teleport";
    private readonly string _root;
    private readonly string? _environment;

    /// <param name="server">The server's address, which may be below a path, and may have the contract's own path at its end.</param>
    /// <param name="environment">The agent's name there; null: none.</param>
    public TeleportPlace(Uri server, string? environment)
    {
        var root = server.GetLeftPart(UriPartial.Path).TrimEnd('/');
        _root = root.EndsWith(Prefix, StringComparison.Ordinal) ? root : root + Prefix;
        _environment = environment;
    }

    /// <summary>The address of a part.</summary>
    public Uri Of(string part) => new($"{_root}/{part}");

    /// <summary>The address of a part, with the agent's name and what else is asked.</summary>
    public Uri Of(string part, params IEnumerable<(string Name, string Value)> query)
    {
        var asked = _environment is null ? query : query.Append((Name: "envName", Value: _environment));
        return new Uri(
            $"{_root}/{part}?{string.Join('&', asked.Select(static one => $"{one.Name}={Uri.EscapeDataString(one.Value)}"))}"
        );
    }
}
