using System.Buffers;
using System.Net;

namespace Pollard.Voice.Links;

/// <summary>The life of one connection of a link: hears what comes, says what is to be said while it is its turn, and watches that the other end lives.</summary>
internal sealed class LinkSession(
    LinkConnection connection,
    (FrameCodec Out, FrameCodec In) codecs,
    LinkOutbox outbox,
    LinkHearing hearing,
    LinkSetup setup
) : IAsyncDisposable
{
    private static readonly TimeSpan PingAfter = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _pen = new(1, 1); // Signs go between the pieces, never into one.
    private readonly Queue<(LinkPiece Piece, long EndsAt)> _unsure = new(); // Written, and not known to have arrived.
    private readonly CancellationTokenSource _over = new();
    private CancellationTokenSource _turn = Over();
    private TaskCompletionSource _isTurn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _writingSince;
    private long _heardAt = setup.Time.GetTimestamp();
    private long _pingedAt;
    private uint _acknowledged; // By the other side's process.
    private uint _acknowledgedTo;

    /// <summary>The other end.</summary>
    public IPEndPoint Peer => connection.Peer;

    /// <summary>Frames that were heard.</summary>
    public int Heard { get; private set; }

    /// <summary>True: the other end was given up, because it showed no sign of life.</summary>
    public bool IsDead { get; private set; }

    /// <summary>True: for a while it has shown no sign of life.</summary>
    public bool IsSuspect { get; private set; }

    /// <summary>Frames that it took with it, and that are sent again.</summary>
    public int Repeats { get; private set; }

    /// <summary>It is this connection that speaks for its side, from now on.</summary>
    public void Speak()
    {
        if (Volatile.Read(ref _isTurn).Task.IsCompleted)
        {
            return; // It does.
        }

        Volatile.Write(ref _turn, new CancellationTokenSource());
        Volatile.Read(ref _isTurn).TrySetResult();
    }

    /// <summary>Another one speaks. What this one has written it brings to its end.</summary>
    public void SpeakNoMore()
    {
        Volatile.Write(ref _isTurn, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        Volatile.Read(ref _turn).Cancel();
    }

    /// <summary>Lives until either side ends the connection, it breaks, or <paramref name="ct"/> is set. Says which.</summary>
    /// <param name="take">Takes what is heard.</param>
    /// <param name="looked">Is told each time that it is looked whether the other end lives.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<string> RunAsync(
        Func<LinkFrame, CancellationToken, ValueTask> take,
        Action looked,
        CancellationToken ct
    )
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, _over.Token);
        Task<string>[] all =
        [
            HearAsync(take, either.Token),
            SayAsync(either.Token),
            WatchAsync(looked, either.Token),
            SignAsync(either.Token),
        ];
        var reason = await await Task.WhenAny(all);
        LookWhatArrived();
        await _over.CancelAsync();
        if (IsDead)
        {
            connection.Abort(); // Nobody is there to be ended with.
        }

        await Task.WhenAll(all);
        LookWhatArrived();
        Repeats = _unsure.Count;
        outbox.PutBack(_unsure.Select(static sent => sent.Piece with { WasSaid = true }));
        return reason;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        _over.Dispose();
        _pen.Dispose();
    }

    private async Task<string> HearAsync(Func<LinkFrame, CancellationToken, ValueTask> take, CancellationToken ct)
    {
        try
        {
            while (await connection.ReadAsync(codecs.In, ct) is { } frame)
            {
                Volatile.Write(ref _heardAt, setup.Time.GetTimestamp());
                switch (frame.Kind)
                {
                    case FrameKind.Ping:
                        await WriteAsync(new LinkFrame(FrameKind.Pong), ct);
                        break;
                    case FrameKind.Pong:
                        break;
                    case FrameKind.Ack:
                        Volatile.Write(ref _acknowledged, frame.Chunk);
                        break;
                    case var _ when hearing.IsNew(frame.Number):
                        Heard++;
                        await take(frame, ct);
                        hearing.Heard(frame.Number);
                        break;
                }
            }

            return "the other side has ended it";
        }
        catch (Exception e)
        {
            return Reason(e);
        }
    }

    private async Task<string> SayAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                await Volatile.Read(ref _isTurn).Task.WaitAsync(ct);
                if (await TakeAsync(ct) is not { } piece)
                {
                    break;
                }

                if (!piece.IsEmpty)
                {
                    await WriteAsync(piece, ct);
                }
            }

            await connection.EndAsync(ct); // All is said: the other side is let hear it to its end.
            return "this side has ended it";
        }
        catch (Exception e)
        {
            return Reason(e);
        }
    }

    /// <summary>The next piece; empty when it is another's turn; null when there will be none.</summary>
    private async ValueTask<LinkPiece?> TakeAsync(CancellationToken ct)
    {
        using var mine = CancellationTokenSource.CreateLinkedTokenSource(Volatile.Read(ref _turn).Token, ct);
        try
        {
            return await outbox.TakeAsync(mine.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return default(LinkPiece);
        }
    }

    private async ValueTask WriteAsync(LinkPiece piece, CancellationToken ct)
    {
        try
        {
            await _pen.WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            outbox.PutBack([piece]);
            throw;
        }

        lock (_unsure)
        {
            _unsure.Enqueue((piece, connection.Written + piece.Bytes.Length));
        }

        await WriteAsync(piece.Bytes, ct);
    }

    /// <summary>A sign of life, of which none is ever sent again.</summary>
    private async Task WriteAsync(LinkFrame sign, CancellationToken ct)
    {
        var bytes = new ArrayBufferWriter<byte>();
        codecs.Out.Write(sign, bytes);
        await _pen.WaitAsync(ct);
        await WriteAsync(bytes.WrittenMemory, ct);
    }

    /// <summary>Writes, with the pen in hand, and lays it down.</summary>
    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        try
        {
            Volatile.Write(ref _writingSince, setup.Time.GetTimestamp());
            await connection.WriteAsync(bytes, ct);
            Volatile.Write(ref _writingSince, 0);
        }
        finally
        {
            _pen.Release();
        }
    }

    /// <summary>Says how much was heard, and asks the other side's process whether it lives, where the wire has words for it.</summary>
    private async Task<string> SignAsync(CancellationToken ct)
    {
        try
        {
            using var timer = new PeriodicTimer(setup.LookEvery, setup.Time);
            while (await timer.WaitForNextTickAsync(ct))
            {
                if (codecs.Out.HasSigns && hearing.Last is var last && last != _acknowledgedTo)
                {
                    _acknowledgedTo = last;
                    await WriteAsync(new LinkFrame(FrameKind.Ack, Chunk: last), ct);
                }

                if (
                    codecs.Out.HasSigns
                    && ProcessSilence >= PingAfter
                    && setup.Time.GetElapsedTime(_pingedAt) >= PingAfter
                )
                {
                    _pingedAt = setup.Time.GetTimestamp();
                    await WriteAsync(new LinkFrame(FrameKind.Ping), ct);
                }
            }

            return "";
        }
        catch (Exception e)
        {
            return Reason(e);
        }
    }

    /// <summary>How long nothing was heard that the other side's process itself has said.</summary>
    private TimeSpan ProcessSilence => setup.Time.GetElapsedTime(Volatile.Read(ref _heardAt));

    private async Task<string> WatchAsync(Action looked, CancellationToken ct)
    {
        try
        {
            using var timer = new PeriodicTimer(setup.LookEvery, setup.Time);
            while (await timer.WaitForNextTickAsync(ct))
            {
                LookWhatArrived();
                var silent = codecs.Out.HasSigns ? ProcessSilence : TimeSpan.Zero;
                silent = connection.Silence is { } kernels && kernels > silent ? kernels : silent;
                var stuck = Volatile.Read(ref _writingSince) is var since and not 0
                    ? setup.Time.GetElapsedTime(since)
                    : TimeSpan.Zero;
                var worst = silent > stuck ? silent : stuck;
                if (worst >= setup.DeadAfter)
                {
                    IsDead = true;
                    return stuck > silent
                        ? $"it has taken nothing for {stuck.TotalSeconds:0.0} s"
                        : $"it was silent for {silent.TotalSeconds:0.0} s";
                }

                IsSuspect = worst >= setup.SuspectAfter;
                looked();
            }

            return "";
        }
        catch (Exception e)
        {
            return Reason(e);
        }
    }

    private void LookWhatArrived()
    {
        var arrived = 0;
        lock (_unsure)
        {
            // Where neither the other process nor the system says, what was written is taken to have arrived.
            var bytes = connection.Acknowledged ?? connection.Written;
            var number = Volatile.Read(ref _acknowledged);
            while (
                _unsure.TryPeek(out var first)
                && (codecs.Out.HasSigns ? first.Piece.Number <= number : first.EndsAt <= bytes)
            )
            {
                arrived += _unsure.Dequeue().Piece.Bytes.Length;
            }
        }

        if (arrived > 0)
        {
            outbox.Arrived(arrived);
        }
    }

    private static CancellationTokenSource Over()
    {
        var over = new CancellationTokenSource();
        over.Cancel();
        return over;
    }

    private static string Reason(Exception e) =>
        e switch
        {
            FrameException => e.Message,
            OperationCanceledException => "this side has ended it",
            IOException or ObjectDisposedException or InvalidOperationException =>
                $"it broke: {e.GetBaseException().Message}",
            _ => throw new InvalidOperationException("A link's connection failed in a way that no connection does.", e),
        };
}
