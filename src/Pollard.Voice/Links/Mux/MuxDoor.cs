using System.Collections.Frozen;

namespace Pollard.Voice.Links.Mux;

/// <summary>The one port of a service, at which neighbours of several roles come.</summary>
/// <param name="listener">The port.</param>
/// <param name="hello">What is said first.</param>
/// <param name="servers">Who takes those of which role.</param>
internal sealed class MuxDoor(LinkListener listener, MuxHello hello, IReadOnlyDictionary<string, MuxServer> servers)
{
    /// <summary>Who asks only how the links are.</summary>
    public const string StatusRole = "status";

    private readonly FrozenDictionary<string, MuxServer> _servers = servers.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Answers who asks how it is; must be quick.</summary>
    public Func<ReadOnlyMemory<byte>> Status { get; init; } = static () => default;

    /// <summary>Takes connections until <paramref name="ct"/> is set.</summary>
    public Task RunAsync(CancellationToken ct) =>
        listener.TakeAsync(
            async connection =>
            {
                var peer = await hello.HearAsync(
                    connection,
                    role => role == StatusRole || _servers.ContainsKey(role),
                    ct
                );
                if (peer.Role != StatusRole)
                {
                    return _servers[peer.Role].TryAttach(peer, connection);
                }

                await connection.WriteAsync(Status(), ct);
                await connection.EndAsync(ct);
                return false;
            },
            ct
        );
}
