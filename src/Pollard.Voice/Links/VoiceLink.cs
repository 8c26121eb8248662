using System.Buffers;
using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links;

/// <summary>
/// What connects two services of a call, whatever becomes of the connections below it: they are made, watched, and made anew until the
/// call is over, and what is to be sent waits meanwhile. One of a call never waits for one of another.
/// </summary>
/// <param name="name">Which of a call's links it is.</param>
/// <param name="call">Whose.</param>
/// <param name="codecs">How frames are written and read on it.</param>
/// <param name="opening">How its connections come about.</param>
/// <param name="setup">What its owner decides.</param>
/// <param name="logger">The log.</param>
internal sealed partial class VoiceLink(
    string name,
    CallId call,
    (FrameCodec Out, FrameCodec In) codecs,
    ILinkOpening opening,
    LinkSetup setup,
    ILogger logger
) : IAsyncDisposable
{
    private const int HeaderBytes = 16;
    private const int MostShortLives = 3;
    private static readonly TimeSpan ShortLife = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1); // For what waits when the link is ended.

    private readonly LinkOutbox _outbox = new(setup.MostKeptBytes);
    private readonly Channel<LinkFrame> _incoming = Channel.CreateBounded<LinkFrame>(setup.MostIncoming);
    private readonly CancellationTokenSource _closing = new(Timeout.InfiniteTimeSpan, setup.Time);
    private readonly Lock _gate = new();
    private readonly Lock _telling = new(); // States are told in the order in which they come.
    private ImmutableList<LinkSession> _sessions = [];
    private LinkState _state = LinkState.Connecting;
    private DateTimeOffset _since = setup.Time.GetUtcNow();
    private readonly Lock _numbering = new();
    private readonly LinkHearing _hearing = new();
    private uint _number;
    private int _connections;
    private int _shortLives;
    private LinkEnd? _end;
    private bool _isClosed;

    /// <summary>What the other side says; ends with the link.</summary>
    public ChannelReader<LinkFrame> Incoming => _incoming.Reader;

    /// <summary>Called with each state that the link comes into, in order; must return at once.</summary>
    public Action<LinkState> Changed { get; init; } = static _ => { };

    /// <summary>What is said first on each connection, whatever waits: the other side may have forgotten all.</summary>
    public Func<IEnumerable<LinkFrame>> Prologue { get; init; } = static () => [];

    /// <summary>How it is.</summary>
    public LinkStatus Look()
    {
        lock (_gate)
        {
            return new LinkStatus(
                name,
                call,
                _state,
                _sessions.LastOrDefault()?.Peer.ToString(),
                _since,
                Math.Max(0, _connections - 1),
                _outbox.Bytes
            );
        }
    }

    /// <summary>Sends a frame, now or as soon as there is a connection. False: too much waits already, and it is not taken.</summary>
    /// <exception cref="FrameException">There is no such frame on this link.</exception>
    public bool TrySend(in LinkFrame frame)
    {
        lock (_numbering) // What is numbered first is sent first.
        {
            if (_outbox.TryAdd(PieceOf(frame, _number + 1)))
            {
                _number++;
                return true;
            }
        }

        LinkMetrics.Refused(name);
        return false;
    }

    /// <summary>Sends a frame as soon as there is room for it. False: the link is closed.</summary>
    /// <exception cref="FrameException">There is no such frame on this link.</exception>
    public async ValueTask<bool> SendAsync(LinkFrame frame, CancellationToken ct)
    {
        while (true)
        {
            var changed = _outbox.ChangedAsync();
            if (TrySend(frame))
            {
                return true;
            }

            if (_outbox.IsEnded)
            {
                return false;
            }

            await changed.WaitAsync(ct);
        }
    }

    /// <summary>Makes and keeps the connections, until the link is ended, the call is over, or there can be none.</summary>
    public async Task<LinkEnd> RunAsync(CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct, _closing.Token);
        try
        {
            await (opening.IsCalled ? TakeAsync(over.Token) : KeepAsync(over.Token));
        }
        catch (OperationCanceledException)
        {
            End(LinkEnd.Ended);
        }

        lock (_gate)
        {
            _isClosed = true;
        }

        TellState();
        _outbox.End();
        _incoming.Writer.TryComplete();
        LogClosed(logger, name, call, _end ?? LinkEnd.Ended);
        return _end ?? LinkEnd.Ended;
    }

    /// <summary>Ends the link. What waits is sent, if that takes no longer than a second.</summary>
    public void Close() => End(LinkEnd.Ended);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Close();
        foreach (var session in _sessions)
        {
            await session.DisposeAsync();
        }

        _closing.Dispose();
    }

    /// <summary>One connection after the other.</summary>
    private async Task KeepAsync(CancellationToken ct)
    {
        while (_end is null)
        {
            if (await opening.OpenAsync(ct) is not { } connection)
            {
                End(LinkEnd.GivenUp);
                return;
            }

            await ServeAsync(connection, ct);
            if (_shortLives > 0 && _end is null)
            {
                var wait = _shortLives < MostShortLives ? setup.Retry.ShortWait : setup.Retry.LongWait;
                await Task.Delay(wait, setup.Time, ct);
            }
        }
    }

    /// <summary>Connections as they come; some peers open two, and speak on either.</summary>
    private async Task TakeAsync(CancellationToken ct)
    {
        List<Task> serving = [];
        try
        {
            while (await opening.OpenAsync(ct) is { } connection)
            {
                serving.RemoveAll(static task => task.IsCompleted);
                serving.Add(ServeAsync(connection, ct));
            }

            End(LinkEnd.GivenUp);
        }
        finally
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(LinkConnection connection, CancellationToken ct)
    {
        var begun = setup.Time.GetTimestamp();
        var session = new LinkSession(connection, codecs, _outbox, _hearing, setup);
        if (_hearing.Meet(connection.PeerName))
        {
            _outbox.ForgetSaid();
        }

        var ordinal = Add(session);
        var reason = await session.RunAsync(
            (frame, token) => TakeInAsync(frame with { Connection = ordinal }, token),
            TellState,
            ct
        );
        await RemoveAsync(session);
        if (_end is not null && _outbox.Bytes == 0)
        {
            await _closing.CancelAsync(); // All is said.
        }

        if (_end is null && !ct.IsCancellationRequested)
        {
            LogDown(logger, name, call, connection.Peer, reason);
            LinkMetrics.Down(name, session.IsDead ? "dead" : "broken");
        }

        _shortLives = setup.Time.GetElapsedTime(begun) < ShortLife && session.Heard == 0 ? _shortLives + 1 : 0;
        if (_shortLives == MostShortLives && _end is null && !opening.IsCalled)
        {
            LogUnwanted(logger, name, call, connection.Peer);
            if (setup.Retry.GivesUp)
            {
                End(LinkEnd.Unwanted);
            }
        }
    }

    private uint Add(LinkSession session)
    {
        int ordinal;
        lock (_gate)
        {
            // The newest speaks for this side: a peer that comes anew may not have noticed that the one before is gone.
            _sessions.LastOrDefault()?.SpeakNoMore();
            _sessions = _sessions.Add(session);
            ordinal = ++_connections;
            _outbox.AddFirst([.. Prologue().Select(frame => PieceOf(frame, 0))]);
            session.Speak();
        }

        TellState();
        return (uint)ordinal;
    }

    private async Task RemoveAsync(LinkSession session)
    {
        lock (_gate)
        {
            _sessions = _sessions.Remove(session);
        }

        await session.DisposeAsync();
        if (session.Repeats > 0)
        {
            LinkMetrics.Repeated(name, session.Repeats);
        }

        lock (_gate)
        {
            _sessions.LastOrDefault()?.Speak(); // What this one took with it is put back, and goes first.
        }

        TellState();
    }

    private async ValueTask TakeInAsync(LinkFrame frame, CancellationToken ct)
    {
        await _incoming.Writer.WriteAsync(frame, ct);
        if (frame.Kind == FrameKind.Bye && frame.Call == default) // Of a link that has many calls, one of them is over.
        {
            End(LinkEnd.Bye);
        }
    }

    private void End(LinkEnd end)
    {
        lock (_gate)
        {
            if (_end is not null)
            {
                return;
            }

            _end = end;
            _outbox.End(); // What waits is still said.
            _closing.CancelAfter(_outbox.Bytes == 0 ? TimeSpan.Zero : LastWords);
        }
    }

    private LinkPiece PieceOf(in LinkFrame frame, uint number)
    {
        var bytes = new ArrayBufferWriter<byte>(frame.Payload.Length + HeaderBytes);
        codecs.Out.Write(frame with { Number = number }, bytes);
        return new LinkPiece(bytes.WrittenMemory, number);
    }

    /// <summary>Says what state the connections make, where that has changed: one may come while another one is put away.</summary>
    private void TellState()
    {
        lock (_telling)
        {
            LinkState state;
            lock (_gate)
            {
                state = StateNow();
                if (_state == state)
                {
                    return;
                }

                (_state, _since) = (state, setup.Time.GetUtcNow());
            }

            if (state == LinkState.Suspect)
            {
                LinkMetrics.Suspected(name);
            }

            Changed(state);
        }
    }

    private LinkState StateNow() =>
        _isClosed ? LinkState.Closed
        : _sessions.LastOrDefault() is { } speaks ? (speaks.IsSuspect ? LinkState.Suspect : LinkState.Up)
        : _connections == 0 ? LinkState.Connecting
        : LinkState.Down;

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Link} of call {Call}: the connection with {Peer} is gone: {Reason}"
    )]
    private static partial void LogDown(
        ILogger logger,
        string link,
        CallId call,
        System.Net.IPEndPoint peer,
        string reason
    );

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "{Link} of call {Call}: {Peer} ends each connection at once: is it the service that it is taken for, and does it let us in?"
    )]
    private static partial void LogUnwanted(ILogger logger, string link, CallId call, System.Net.IPEndPoint peer);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Link} of call {Call} is closed: {End}")]
    private static partial void LogClosed(ILogger logger, string link, CallId call, LinkEnd end);
}
