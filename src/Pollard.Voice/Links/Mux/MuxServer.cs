using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links.Mux;

/// <summary>Takes the connections of neighbours that call, two of each, and makes a link of them.</summary>
/// <param name="name">Which service it is.</param>
/// <param name="textTypes">The Wyoming events that text is, from this side and from the others.</param>
/// <param name="hello">What is said first.</param>
/// <param name="setup">What its owner decides.</param>
/// <param name="logger">The log.</param>
internal sealed partial class MuxServer(
    string name,
    (string Out, string In) textTypes,
    MuxHello hello,
    LinkSetup setup,
    ILogger logger
)
{
    private const int MostNeighbours = 64;

    /// <summary>How long a neighbour that is gone has to come back before its calls are over: one that was started anew has another name.</summary>
    private static readonly TimeSpan GoneAfter = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Neighbour> _neighbours = new(StringComparer.Ordinal);
    private readonly Channel<MuxLink> _came = Channel.CreateBounded<MuxLink>(MostNeighbours);
    private readonly Lock _gate = new();

    /// <summary>Links with neighbours that have come.</summary>
    public ChannelReader<MuxLink> Came => _came.Reader;

    /// <summary>How the links with neighbours are.</summary>
    public IReadOnlyList<LinkStatus> Look() => [.. _neighbours.Values.SelectMany(static one => one.Link.Look())];

    /// <summary>Takes connections until <paramref name="ct"/> is set.</summary>
    public async Task RunAsync(LinkListener listener, CancellationToken ct)
    {
        await listener.TakeAsync(connection => GreetAsync(connection, ct), ct);
        await Task.WhenAll(_neighbours.Values.Select(static one => one.Running));
        _came.Writer.TryComplete();
    }

    private async Task<bool> GreetAsync(LinkConnection connection, CancellationToken ct)
    {
        var (node, lane) = await hello.HearAsync(connection, ct);
        lock (_gate)
        {
            if (!_neighbours.TryGetValue(node, out var neighbour))
            {
                if (_neighbours.Count >= MostNeighbours)
                {
                    LogFull(logger, name, connection.Peer);
                    return false;
                }

                neighbour = new Neighbour(this);
                _neighbours[node] = neighbour;
                neighbour.Running = KeepAsync(node, neighbour, ct);
                _came.Writer.TryWrite(neighbour.Link);
            }

            return neighbour.LaneOf(lane).TryAttach(connection);
        }
    }

    private async Task KeepAsync(string node, Neighbour neighbour, CancellationToken ct)
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(ct);
        neighbour.Link.Changed = () => neighbour.Look(setup.Time, gone);
        await neighbour.Link.RunAsync(gone.Token);
        _neighbours.TryRemove(node, out _);
        await neighbour.DisposeAsync();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Service}: {Peer} is one neighbour too many")]
    private static partial void LogFull(ILogger logger, string service, System.Net.IPEndPoint peer);

    private sealed class Neighbour : IAsyncDisposable
    {
        private readonly Attached _control = new();
        private readonly Attached _media = new();
        private readonly Lock _gate = new();
        private ITimer? _going;

        public Neighbour(MuxServer server) =>
            Link = new MuxLink(server.Name, server.TextTypes, (_control, _media), server.Setup, server.Logger);

        public MuxLink Link { get; }

        public Task Running { get; set; } = Task.CompletedTask;

        public Attached LaneOf(MuxLane lane) => lane == MuxLane.Control ? _control : _media;

        /// <summary>While one of the lanes has no connection, the time runs.</summary>
        public void Look(TimeProvider time, CancellationTokenSource gone)
        {
            lock (_gate)
            {
                if (Link.IsUp)
                {
                    _going?.Dispose();
                    _going = null;
                }
                else
                {
                    _going ??= time.CreateTimer(
                        static gone => ((CancellationTokenSource)gone!).Cancel(),
                        gone,
                        GoneAfter,
                        Timeout.InfiniteTimeSpan
                    );
                }
            }
        }

        public ValueTask DisposeAsync()
        {
            lock (_gate)
            {
                _going?.Dispose();
            }

            return Link.DisposeAsync();
        }
    }

    private string Name => name;

    private (string Out, string In) TextTypes => textTypes;

    private LinkSetup Setup => setup;

    private ILogger Logger => logger;
}
