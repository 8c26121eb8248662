using System.Buffers;
using System.IO.Pipelines;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>Carrier C: a session like any other behind two pipes, which requests fill and empty.</summary>
internal sealed class TurnSession : IDisposable
{
    private const int MostHeldBytes = 1024 * 1024;
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
    /// <returns>Frames; nothing when there are none; null when the session has ended.</returns>
    public async Task<byte[]?> HoldAsync(TimeSpan wait, int? turn, CancellationToken ct)
    {
        if (turn is { } number && !IsNewest(number))
        {
            return [];
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
            var read = await _down.Reader.ReadAsync(mine.Token);
            var frames = read.Buffer.ToArray();
            _down.Reader.AdvanceTo(read.Buffer.End);
            Session.TurnAnswered();
            return frames.Length == 0 && read.IsCompleted ? null : frames;
        }
        catch (OperationCanceledException)
        {
            return [];
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
