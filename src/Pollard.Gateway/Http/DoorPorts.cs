using Microsoft.AspNetCore.Http;

namespace Pollard.Gateway.Http;

/// <summary>
/// Ports on which one door is served as its old server was: there <c>/</c> and <c>/health</c> are the door's own, which on the
/// common port would be several doors' at once.
/// </summary>
internal static class DoorPorts
{
    private const string TasksPrefix = "/v1/tasks/";
    private static readonly object Key = new();

    /// <summary>Where the LLM task server's own paths are found on the common port.</summary>
    public const string LlmTasks = "/llm-tasks";

    /// <summary>Where the Claude proxy's own paths are found on the common port.</summary>
    public const string ClaudeProxy = "/claude-proxy";

    /// <summary>Leads the door's own paths to where they are found, before routing.</summary>
    /// <param name="http">The request.</param>
    /// <param name="door">The door whose port it came in by; null for the common one.</param>
    public static void Enter(HttpContext http, string? door)
    {
        if (door is null)
        {
            return;
        }

        http.Items[Key] = door;
        var path = http.Request.Path;
        if (path == "/" || path == "/health")
        {
            http.Request.Path = door + (path == "/" ? "" : path.Value);
        }
        else if (
            door == LlmTasks
            && path.Value is { } text
            && text.StartsWith(TasksPrefix, StringComparison.Ordinal)
            && text.EndsWith("/wait", StringComparison.Ordinal)
        )
        {
            http.Request.Path = door + text[(TasksPrefix.Length - 1)..]; // Whatever door made the task.
        }
    }

    /// <summary>True on the Claude proxy's own port.</summary>
    public static bool IsClaudeProxy(HttpContext http) =>
        http.Items.TryGetValue(Key, out var door) && door is ClaudeProxy;
}

/// <summary>Which port is which door's, once they are bound.</summary>
internal sealed class OwnPorts
{
    private readonly Dictionary<int, string> _doors = [];

    /// <summary>Notes the ports, in the order of <see cref="GatewayOptions.DoorUrls"/>.</summary>
    public void Bound(GatewayOptions options, IEnumerable<int> ports)
    {
        string?[] doors =
        [
            options.LlmTasksUrl is null ? null : DoorPorts.LlmTasks,
            options.ClaudeProxyUrl is null ? null : DoorPorts.ClaudeProxy,
        ];
        foreach (var (door, port) in doors.OfType<string>().Zip(ports))
        {
            _doors[port] = door;
        }
    }

    /// <summary>The door of a port; null for a common one.</summary>
    public string? DoorOf(int port) => _doors.GetValueOrDefault(port);

    /// <summary>The address at which a door is served; null when it has no port of its own.</summary>
    public Uri? AddressOf(string door, IEnumerable<Uri> addresses) =>
        addresses.FirstOrDefault(address => _doors.GetValueOrDefault(address.Port) == door);
}
