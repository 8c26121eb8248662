using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>Carrier C: a session like any other behind two pipes, which requests fill and empty.</summary>
internal sealed class TurnSession : IDisposable
{
    private const int MostHeldBytes = 512 * 1024; // More than a frame, for answers are of whole ones.
    private static readonly TimeSpan OrderWithin = TimeSpan.FromSeconds(10);

    // Who hands frames in waits until the session has read them all: then the answer can say what became of them.
    private readonly Pipe _up = new(
        new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1, useSynchronizationContext: false)
    );

    private readonly Pipe _down = new(
        new PipeOptions(
            pauseWriterThreshold: MostHeldBytes,
            resumeWriterThreshold: MostHeldBytes / 2,
            useSynchronizationContext: false
        )
    );

    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _handingIn = new(1);
    private readonly SemaphoreSlim _holding = new(1);
    private readonly Lock _gate = new();
    private readonly Dictionary<int, TaskCompletionSource> _early = [];
    private CancellationTokenSource? _parked;
    private int _nextUpload;
    private int _newestTurn;
    private long _takenBytes;

    public TurnSession(HostLinkServer server, LinkPeer peer)
    {
        _time = server.Time;
        Session = new HostSession(server, new DuplexPipe(_up.Reader, _down.Writer), peer);

        // No token: requests come and go, the session ends by silence, by its host's word or by the gateway's.
        Running = server.ServeAsync(Session, CancellationToken.None);
    }

    /// <summary>The session behind the pipes.</summary>
    public HostSession Session { get; }

    /// <summary>Ends with the session.</summary>
    public Task Running { get; }

    /// <summary>Takes frames, in the order of their numbers where they have some.</summary>
    /// <returns>False when the session has ended, or a body before this one never came.</returns>
    public async Task<bool> HandInAsync(byte[] frames, int? number, CancellationToken ct)
    {
        if (number is { } mine && !await IsNextAsync(mine, ct))
        {
            return false;
        }

        // No token: once begun, the frames go in whole.
        await _handingIn.WaitAsync(CancellationToken.None);
        try
        {
            var flushed = await _up.Writer.WriteAsync(frames, CancellationToken.None);
            return !flushed.IsCompleted;
        }
        catch (InvalidOperationException)
        {
            return false; // The host said goodbye meanwhile.
        }
        finally
        {
            _handingIn.Release();
            if (number is not null)
            {
                LetNext();
            }
        }
    }

    /// <summary>
    /// Waits until there are frames for the host, but no longer than <paramref name="wait"/>. A turn that is held already is let
    /// go: the host has come again.
    /// </summary>
    /// <returns>Whole frames; nothing when there are none; null when the session has ended.</returns>
    public async Task<TurnAnswer?> HoldAsync(TimeSpan wait, int? turn, CancellationToken ct)
    {
        if (turn is { } number && !IsNewest(number))
        {
            return TurnAnswer.Nothing;
        }

        using var late = new CancellationTokenSource(wait, _time);
        using var mine = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        if (Interlocked.Exchange(ref _parked, mine) is { } older)
        {
            await LetGoAsync(older);
        }

        await _holding.WaitAsync(ct);
        try
        {
            return await TakeFramesAsync(mine.Token);
        }
        catch (OperationCanceledException)
        {
            return TurnAnswer.Nothing;
        }
        catch (TimeoutException)
        {
            return null; // The session ended while nobody fetched its last words; see FrameOutbox.
        }
        finally
        {
            Interlocked.CompareExchange(ref _parked, null, mine);
            _holding.Release();
        }
    }

    /// <summary>The answer of a turn has left, up to and with these bytes: only then do the offers in it begin to wait.</summary>
    public void Answered(TurnAnswer answer) => Session.TurnAnswered(answer.End);

    /// <summary>The host says goodbye.</summary>
    public async Task EndAsync()
    {
        await _up.Writer.CompleteAsync();
        await Running;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _handingIn.Dispose();
        _holding.Dispose();
    }

    private async Task<TurnAnswer?> TakeFramesAsync(CancellationToken ct)
    {
        while (true)
        {
            var read = await _down.Reader.ReadAsync(ct);
            var rest = read.Buffer;
            while (FrameReader.TryRead(ref rest, out _)) { }
            var frames = read.Buffer.Slice(0, rest.Start).ToArray();
            if (frames.Length > 0)
            {
                _takenBytes += frames.Length;
                _down.Reader.AdvanceTo(rest.Start);
                return new TurnAnswer(frames, _takenBytes);
            }

            _down.Reader.AdvanceTo(rest.Start, rest.End);
            if (read.IsCompleted)
            {
                return null;
            }
        }
    }

    private static async Task LetGoAsync(CancellationTokenSource older)
    {
        try
        {
            await older.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // It was answered meanwhile.
        }
    }

    private bool IsNewest(int turn)
    {
        lock (_gate)
        {
            var isNewest = turn >= _newestTurn;
            _newestTurn = Math.Max(_newestTurn, turn);
            return isNewest;
        }
    }

    private async Task<bool> IsNextAsync(int number, CancellationToken ct)
    {
        Task turn;
        lock (_gate)
        {
            if (number <= _nextUpload)
            {
                return number == _nextUpload;
            }

            if (!_early.TryGetValue(number, out var waiting))
            {
                _early[number] = waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            turn = waiting.Task;
        }

        try
        {
            await turn.WaitAsync(OrderWithin, _time, ct);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void LetNext()
    {
        lock (_gate)
        {
            if (_early.Remove(++_nextUpload, out var next))
            {
                next.TrySetResult();
            }
        }
    }
}

/// <summary>What a turn is answered with.</summary>
/// <param name="Frames">Whole frames.</param>
/// <param name="End">How many bytes the session had said with them over all.</param>
internal readonly record struct TurnAnswer(byte[] Frames, long End)
{
    public static TurnAnswer Nothing => new([], 0);
}

/// <summary>Answers a turn, as slowly as the wire takes it.</summary>
internal sealed class TurnResult(TurnSession session, TurnAnswer answer) : IResult
{
    private const int PieceBytes = 64 * 1024;

    /// <inheritdoc/>
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = TurnCarrier.ContentType;
        response.ContentLength = answer.Frames.Length;
        for (var at = 0; at < answer.Frames.Length; at += PieceBytes)
        {
            var length = Math.Min(PieceBytes, answer.Frames.Length - at);
            await response.Body.WriteAsync(answer.Frames.AsMemory(at, length), httpContext.RequestAborted);
            session.Session.Touch(); // It takes what we say: it is there.
        }

        await response.CompleteAsync();
        session.Answered(answer);
    }
}
