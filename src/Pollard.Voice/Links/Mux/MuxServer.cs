using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links.Mux;

/// <summary>Makes links of the connections of neighbours that call, two of each, and gives the calls of all of them.</summary>
/// <param name="name">Which neighbours they are.</param>
/// <param name="textTypes">The Wyoming events that text is, from this side and from theirs.</param>
/// <param name="setup">What its owner decides.</param>
/// <param name="logger">The log.</param>
internal sealed partial class MuxServer(string name, (string Out, string In) textTypes, LinkSetup setup, ILogger logger)
    : ICallSource
{
    private const int MostNeighbours = 256;
    private const int MostCalls = 4_000;

    /// <summary>How long a neighbour that is gone has to come back before its calls are over: one that was started anew has another name.</summary>
    private static readonly TimeSpan GoneAfter = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Neighbour> _neighbours = new(StringComparer.Ordinal);
    private readonly Channel<ICallLink> _came = Channel.CreateBounded<ICallLink>(MostCalls);
    private readonly TaskCompletionSource<CancellationToken> _begun = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private readonly Lock _gate = new();

    /// <inheritdoc/>
    public ChannelReader<ICallLink> Came => _came.Reader;

    /// <inheritdoc/>
    public IReadOnlyList<LinkStatus> Look() => [.. _neighbours.Values.SelectMany(static one => one.Link.Look())];

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken ct)
    {
        _begun.TrySetResult(ct);
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (ct.UnsafeRegister(static over => ((TaskCompletionSource)over!).SetResult(), over))
        {
            await over.Task;
        }

        await Task.WhenAll(_neighbours.Values.Select(static one => one.Running));
        _came.Writer.TryComplete();
    }

    /// <summary>Gives a neighbour's link a connection, on which all is said that comes first. False: there is no room for it.</summary>
    public bool TryAttach(MuxPeer peer, LinkConnection connection)
    {
        lock (_gate)
        {
            if (!_neighbours.TryGetValue(peer.Node, out var neighbour))
            {
                if (_neighbours.Count >= MostNeighbours)
                {
                    LogFull(logger, name, connection.Peer);
                    return false;
                }

                neighbour = new Neighbour(name, textTypes, setup, logger);
                _neighbours[peer.Node] = neighbour;
                neighbour.Running = KeepAsync(peer.Node, neighbour);
            }

            return neighbour.LaneOf(peer.Lane).TryAttach(connection);
        }
    }

    private async Task KeepAsync(string node, Neighbour neighbour)
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(await _begun.Task);
        neighbour.Link.Changed = () => neighbour.Look(setup.Time, gone);
        neighbour.Look(setup.Time, gone);
        await Task.WhenAll(neighbour.Link.RunAsync(gone.Token), HandOnAsync(neighbour.Link));
        _neighbours.TryRemove(node, out _);
        await neighbour.DisposeAsync();
    }

    private async Task HandOnAsync(MuxLink link)
    {
        await foreach (var call in link.Came.ReadAllAsync(CancellationToken.None)) // It ends with the link.
        {
            if (!_came.Writer.TryWrite(call))
            {
                LogTooMany(logger, name, call.Call);
                call.Close();
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Link}: {Peer} is one neighbour too many")]
    private static partial void LogFull(ILogger logger, string link, IPEndPoint peer);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Link}: call {Call} is one too many")]
    private static partial void LogTooMany(ILogger logger, string link, CallId call);

    private sealed class Neighbour : IAsyncDisposable
    {
        private readonly Attached _control = new();
        private readonly Attached _media = new();
        private readonly Lock _gate = new();
        private ITimer? _going;

        public Neighbour(string name, (string Out, string In) textTypes, LinkSetup setup, ILogger logger) =>
            Link = new MuxLink(name, textTypes, (_control, _media), setup, logger);

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
}
