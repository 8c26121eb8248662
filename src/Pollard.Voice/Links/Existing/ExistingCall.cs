using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links.Existing;

/// <summary>What a call's link with an existing service is made of.</summary>
/// <param name="Name">Which of a call's links it is.</param>
/// <param name="Call">Whose.</param>
/// <param name="Route">How its connections come about.</param>
/// <param name="AwayFor">How long the other side may be away before the call is over; null: for ever.</param>
/// <param name="Setup">What its owner decides.</param>
/// <param name="Logger">The log.</param>
internal sealed record CallWire(
    string Name,
    CallId Call,
    CallRoute Route,
    TimeSpan? AwayFor,
    ExistingSetup Setup,
    ILogger Logger
);

/// <summary>
/// A call on a link with an existing service. Its wire has sound or text and ends, and nothing else: what stages say beside is left out, and
/// what they wait for is made up, so that they know no difference.
/// </summary>
internal abstract class ExistingCall : ICallLink, IAsyncDisposable
{
    /// <summary>What the word is written as: alone, and in capitals, it would end the call.</summary>
    private static readonly byte[] Bye = [.. "Bye"u8];

    private readonly TaskCompletionSource _closing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Changing _change = new();
    private readonly Lock _saying = new();
    private readonly WaitingFrames _incoming;
    private readonly VoiceLink _link;
    private readonly CallWire _wire;
    private readonly ITimer _away;
    private bool _wasUp;

    /// <param name="wire">What it is made of.</param>
    /// <param name="codecs">How frames are written and read.</param>
    /// <param name="mostIncoming">Frames that wait to be taken before nothing more is read.</param>
    protected ExistingCall(CallWire wire, (FrameCodec Out, FrameCodec In) codecs, int mostIncoming)
    {
        _wire = wire;
        _incoming = new WaitingFrames(mostIncoming, wire.Setup.Link.MostKeptBytes);
        _link = new VoiceLink(
            wire.Name,
            wire.Call,
            codecs,
            wire.Route.Opening,
            wire.Setup.Link with
            {
                MostIncoming = 1,
            }, // What waits waits here.
            wire.Logger
        )
        {
            Changed = Become,
        };
        _away = Time.CreateTimer(
            static call => ((ExistingCall)call!).Close(),
            this,
            wire.AwayFor ?? Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
    }

    /// <inheritdoc/>
    public CallId Call => _wire.Call;

    /// <inheritdoc/>
    public ChannelReader<LinkFrame> Incoming => _incoming;

    /// <summary>How its connections come about.</summary>
    public CallRoute Route => _wire.Route;

    /// <summary>Whether there is a connection.</summary>
    public bool IsUp => Look().State is LinkState.Up or LinkState.Suspect;

    /// <summary>Ends when it is over, for either side.</summary>
    public Task Over => _closing.Task;

    /// <inheritdoc/>
    public bool IsOver => Over.IsCompleted;

    /// <summary>The clock.</summary>
    protected TimeProvider Time => _wire.Setup.Link.Time;

    /// <summary>The number of a call's first turn: a process of ours that is started anew goes on with higher ones.</summary>
    protected static uint FirstTurn(TimeProvider time) => (uint)time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Ends when <see cref="IsUp"/> may have changed.</summary>
    public Task ChangedAsync() => _change.NextAsync();

    /// <summary>How the link is.</summary>
    public LinkStatus Look() => _link.Look();

    /// <inheritdoc/>
    public bool TrySend(in LinkFrame frame)
    {
        lock (_saying)
        {
            return !IsOver && Say(frame);
        }
    }

    /// <inheritdoc/>
    public void Close()
    {
        _closing.TrySetResult();
        _incoming.End();
        Route.Close();
    }

    /// <summary>Keeps the link until the call is over.</summary>
    public async Task RunAsync()
    {
        using var over = new CancellationTokenSource();
        var linking = _link.RunAsync(CancellationToken.None); // It is closed below, and says its last words.
        var hearing = HandOnAsync();
        var beside = Task.WhenAll(
            UntilOverAsync(Route.RunAsync(this, over.Token)),
            UntilOverAsync(PlayAsync(over.Token))
        );
        await Task.WhenAny(linking, Over);
        await over.CancelAsync();
        try
        {
            await beside; // The datagram that says it goes first.
        }
        finally
        {
            if (!linking.IsCompleted && (IsUp || Look().KeptBytes > 0))
            {
                _link.TrySend(LinkFrame.Bye); // Else there is nobody to tell.
            }

            _link.Close();
            await linking;
            await hearing;
            Close();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Close();
        await _away.DisposeAsync();
        await _link.DisposeAsync();
    }

    /// <summary>Says what the wire has words for. One at a time.</summary>
    /// <returns>False: it is not taken.</returns>
    protected abstract bool Say(in LinkFrame frame);

    /// <summary>What a frame of the wire is to a stage.</summary>
    protected abstract IEnumerable<LinkFrame> Hear(LinkFrame frame);

    /// <summary>There is a connection, after there was none.</summary>
    protected virtual void Connected() { }

    /// <summary>Says by and by what waits for its time.</summary>
    protected virtual Task PlayAsync(CancellationToken ct) => Task.CompletedTask;

    /// <summary>Writes a frame. False: too much waits.</summary>
    protected bool TryWrite(in LinkFrame frame) => _link.TrySend(frame);

    /// <summary>Writes a text, where there is one. False: too much waits.</summary>
    protected bool TryWriteText(in LinkFrame frame) =>
        frame.Payload.IsEmpty
        || _link.TrySend(frame.Payload.Span.SequenceEqual("BYE"u8) ? frame with { Payload = Bye } : frame);

    /// <summary>Writes a frame as soon as there is room for it.</summary>
    protected async ValueTask WriteAsync(LinkFrame frame, CancellationToken ct) => await _link.SendAsync(frame, ct);

    /// <summary>Tells the stage what no wire has said.</summary>
    protected void Tell(LinkFrame sign)
    {
        if (!_incoming.TryAdd(sign with { Call = Call }) && !IsOver)
        {
            LinkMetrics.Lost(_wire.Name); // It does not listen.
        }
    }

    /// <summary>A key, for which these wires have no word: nobody is to keep it.</summary>
    protected bool LeaveOut(in LinkFrame key)
    {
        Tell(new LinkFrame(FrameKind.KeyDone, Chunk: key.Chunk));
        return true;
    }

    /// <summary>What breaks beside the link ends the call, which would be silent otherwise.</summary>
    private async Task UntilOverAsync(Task work)
    {
        try
        {
            await work;
        }
        catch (OperationCanceledException)
        {
            // It is over.
        }
        catch
        {
            Close();
            throw;
        }
    }

    private async Task HandOnAsync()
    {
        await foreach (var frame in _link.Incoming.ReadAllAsync(CancellationToken.None)) // It ends with the link.
        {
            foreach (var said in Hear(frame))
            {
                if (!await _incoming.AddAsync(said with { Call = Call }))
                {
                    break; // The stage hears no more.
                }
            }
        }

        _incoming.End();
    }

    private void Become(LinkState state)
    {
        if (state == LinkState.Closed)
        {
            _closing.TrySetResult(); // A call that comes under this id is another one.
        }

        var isUp = state is LinkState.Up or LinkState.Suspect;
        _away.Change(
            isUp ? Timeout.InfiniteTimeSpan : _wire.AwayFor ?? Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
        if (isUp && !_wasUp)
        {
            Connected();
        }

        _wasUp = isUp;
        _change.Changed();
    }
}
