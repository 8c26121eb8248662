using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Wyoming;

namespace Pollard.Voice.Links.Mux;

/// <summary>
/// All calls between two of our services, on two connections that stand before any call begins: a new call costs no connect. Both outlive
/// their breaks; after one, calls that go on are opened again first, for a service that was started anew and knows none of them.
/// </summary>
internal sealed partial class MuxLink : ICallTarget, IAsyncDisposable
{
    private const int MostCalls = 2_000;
    private const int MostEnded = 4_096;
    private static readonly CallId All = CallId.Parse("*");
    private readonly ConcurrentDictionary<CallId, MuxCall> _calls = [];
    private readonly Dictionary<CallId, uint> _ended = [];
    private readonly Queue<CallId> _endedFirst = new();
    private readonly Channel<MuxCall> _came = Channel.CreateBounded<MuxCall>(MostCalls);
    private readonly Lock _gate = new();
    private readonly VoiceLink _control;
    private readonly VoiceLink _media;
    private readonly string _name;
    private readonly ILogger _logger;
    private uint _epoch;

    /// <param name="name">Which neighbours it connects.</param>
    /// <param name="textTypes">The Wyoming events that text is, from this side and from the other.</param>
    /// <param name="openings">How the connections of the lanes come about.</param>
    /// <param name="setup">What its owner decides.</param>
    /// <param name="logger">The log.</param>
    public MuxLink(
        string name,
        (string Out, string In) textTypes,
        (ILinkOpening Control, ILinkOpening Media) openings,
        LinkSetup setup,
        ILogger logger
    )
    {
        (_name, _logger) = (name, logger);
        _epoch = (uint)setup.Time.GetUtcNow().ToUnixTimeSeconds(); // Of a process that is started anew they go on.
        var codecs = (new WyomingCodec(textTypes.Out), new WyomingCodec(textTypes.In));
        _control = Lane(MuxLane.Control, openings.Control);
        _media = Lane(MuxLane.Media, openings.Media);

        VoiceLink Lane(MuxLane lane, ILinkOpening opening) =>
            new($"{name} {lane}", All, codecs, opening, setup, logger) { Prologue = Starts, Changed = _ => Changed() };
    }

    /// <summary>A link with a service of ours that is called.</summary>
    /// <param name="name">Which neighbours it connects.</param>
    /// <param name="textTypes">The Wyoming events that text is, from this side and from the other.</param>
    /// <param name="service">Where the service is.</param>
    /// <param name="say">Says who this is, on a connection for a lane.</param>
    /// <param name="setup">What its owner decides.</param>
    /// <param name="logger">The log.</param>
    public static MuxLink To(
        string name,
        (string Out, string In) textTypes,
        ServicePlace service,
        Func<LinkConnection, MuxLane, CancellationToken, Task> say,
        LinkSetup setup,
        ILogger logger
    )
    {
        // Where nobody listens one lane looks often, and fetches the other.
        var seldom = setup with
        {
            Retry = setup.Retry with { RefusedHereWait = null },
        };
        var media = new Dialing($"{name} {MuxLane.Media}", All, service, SayMediaAsync, seldom, logger);
        var control = new Dialing($"{name} {MuxLane.Control}", All, service, SayControlAsync, setup, logger);
        return new MuxLink(name, textTypes, (control, media), setup, logger);

        Task SayMediaAsync(LinkConnection connection, CancellationToken ct) => say(connection, MuxLane.Media, ct);

        async Task SayControlAsync(LinkConnection connection, CancellationToken ct)
        {
            await say(connection, MuxLane.Control, ct);
            media.TryNow();
        }
    }

    /// <summary>Calls that the other side opens.</summary>
    public ChannelReader<MuxCall> Came => _came.Reader;

    /// <summary>Called when the state of a lane may have changed; must return at once.</summary>
    public Action Changed { get; set; } = static () => { };

    /// <inheritdoc/>
    public IReadOnlyList<LinkStatus> Look() => [_control.Look(), _media.Look()];

    /// <summary>True while there is a connection for sound and one for all else.</summary>
    public bool IsUp =>
        _control.Look().State is LinkState.Up or LinkState.Suspect
        && _media.Look().State is LinkState.Up or LinkState.Suspect;

    /// <inheritdoc/>
    public ICallLink Open(CallId id)
    {
        var call = new MuxCall(this, id, Interlocked.Increment(ref _epoch), isOurs: true);
        if (_calls.Count >= MostCalls || !_calls.TryAdd(id, call))
        {
            throw new InvalidOperationException($"Call {id} is open already, or {MostCalls} others are.");
        }

        _control.TrySend(StartOf(call));
        _media.TrySend(StartOf(call));
        return call;
    }

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken ct)
    {
        await Task.WhenAll(
            _control.RunAsync(ct),
            _media.RunAsync(ct),
            HearAsync(_control, MuxLane.Control),
            HearAsync(_media, MuxLane.Media)
        );
        foreach (var call in _calls.Values)
        {
            Forget(call);
        }

        _came.Writer.TryComplete();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _control.DisposeAsync();
        await _media.DisposeAsync();
    }

    // The end of a sound comes behind it.
    internal bool TrySend(in LinkFrame frame) =>
        (frame.Kind is FrameKind.Audio or FrameKind.End ? _media : _control).TrySend(frame);

    internal void Close(MuxCall call)
    {
        if (Forget(call))
        {
            var bye = new LinkFrame(FrameKind.Bye, Chunk: call.Epoch) { Call = call.Call };
            _control.TrySend(bye);
        }
    }

    private IEnumerable<LinkFrame> Starts() => _calls.Values.Where(static call => call.IsOurs).Select(StartOf);

    private static LinkFrame StartOf(MuxCall call) => new(FrameKind.Start, Chunk: call.Epoch) { Call = call.Call };

    private async Task HearAsync(VoiceLink lane, MuxLane which)
    {
        await foreach (var frame in lane.Incoming.ReadAllAsync(CancellationToken.None)) // It ends with the lane.
        {
            switch (frame.Kind)
            {
                case FrameKind.Start:
                    Started(frame, which);
                    break;
                case FrameKind.Bye when _calls.TryGetValue(frame.Call, out var call) && call.Epoch == frame.Chunk:
                    Forget(call);
                    break;
                case FrameKind.Bye:
                    break;
                default:
                    Take(frame, which);
                    break;
            }
        }
    }

    private void Started(in LinkFrame start, MuxLane lane)
    {
        var (id, epoch) = (start.Call, start.Chunk);
        lock (_gate)
        {
            if (id == default || (_ended.TryGetValue(id, out var ended) && ended >= epoch))
            {
                return; // The other lane's word of a call that is over.
            }

            if (_calls.TryGetValue(id, out var known))
            {
                if (known.IsOurs || known.Epoch >= epoch)
                {
                    Announce(known, lane); // Each lane says it, and says it again after a break.
                    return;
                }

                Forget(known); // The same id is dialled again, and the end of the one before was lost.
            }

            var call = new MuxCall(this, id, epoch, isOurs: false);
            if (_calls.Count >= MostCalls)
            {
                LogFull(_logger, _name, id);
                return;
            }

            _calls[id] = call;
            Announce(call, lane);
        }
    }

    /// <summary>
    /// A call is known to who takes it when both lanes have said it: what is said to it from then on is heard by a neighbour whose
    /// connections are all with this process.
    /// </summary>
    private void Announce(MuxCall call, MuxLane lane)
    {
        if (call.StartedOn(lane) && !_came.Writer.TryWrite(call))
        {
            LogFull(_logger, _name, call.Call);
            Close(call);
        }
    }

    private void Take(in LinkFrame frame, MuxLane lane)
    {
        if (!_calls.TryGetValue(frame.Call, out var call))
        {
            return; // Of a call that is over: stale.
        }

        if (!call.TryTake(frame))
        {
            LinkMetrics.Lost($"{_name} {lane}");
            if (frame.Kind != FrameKind.Audio || call.Lost == 1)
            {
                LogLost(_logger, _name, frame.Call, frame.Kind);
            }
        }
    }

    /// <summary>False: it was over already.</summary>
    private bool Forget(MuxCall call)
    {
        lock (_gate)
        {
            if (!_calls.TryRemove(new KeyValuePair<CallId, MuxCall>(call.Call, call)))
            {
                return false;
            }

            if (_ended.TryAdd(call.Call, call.Epoch))
            {
                _endedFirst.Enqueue(call.Call);
            }
            else
            {
                _ended[call.Call] = Math.Max(_ended[call.Call], call.Epoch);
            }

            if (_endedFirst.Count > MostEnded)
            {
                _ended.Remove(_endedFirst.Dequeue());
            }
        }

        call.Complete();
        return true;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Link}: call {Call} is one too many")]
    private static partial void LogFull(ILogger logger, string link, CallId call);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "{Link}: threw away {Kind} of call {Call}: this side does not keep up with what comes"
    )]
    private static partial void LogLost(ILogger logger, string link, CallId call, FrameKind kind);
}
