using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Pollard.Protocol.HostLink;

/// <summary>
/// The sending half of a link. Anybody may put frames in; nobody waits. They gather in one buffer while the buffer before is
/// being flushed, so that one flush carries all that came meanwhile and two are never under way at the same time.
/// </summary>
/// <param name="output">Where the bytes go.</param>
/// <param name="time">The clock.</param>
/// <param name="broken">Called once, without a lock, when the other end takes no more.</param>
/// <param name="flushed">Called after each piece that the carrier took, without a lock; see <see cref="SentBytes"/>.</param>
internal sealed class FrameOutbox(PipeWriter output, TimeProvider time, Action broken, Action? flushed = null)
{
    /// <summary>Bytes that may wait for an end that does not read: one offer of the largest size, and as much again.</summary>
    private const int MostBytes = 2 * LinkLimits.OfferBytes;

    /// <summary>Bytes that are handed to the carrier at a time.</summary>
    private const int PieceBytes = 64 * 1024;

    private readonly Lock _gate = new();
    private PooledBuffer _filling = new();
    private PooledBuffer _sending = new();
    private TaskCompletionSource? _idle;
    private bool _flushing;
    private bool _closed;
    private int _holds;
    private long _pieceBegun;
    private long _takenBytes;
    private long _sentBytes;
    private long _lastWrite = time.GetTimestamp();

    /// <summary>Bytes that were put in so far.</summary>
    public long WrittenBytes
    {
        get
        {
            lock (_gate)
            {
                return _takenBytes + _filling.Length;
            }
        }
    }

    /// <summary>Bytes that the carrier has taken so far.</summary>
    public long SentBytes => Volatile.Read(ref _sentBytes);

    /// <summary>How long nothing was put in.</summary>
    public TimeSpan Quiet => time.GetElapsedTime(Volatile.Read(ref _lastWrite));

    /// <summary>How long the other end has taken nothing of what waits for it; zero when nothing does.</summary>
    public TimeSpan Stuck
    {
        get
        {
            lock (_gate)
            {
                return _flushing ? time.GetElapsedTime(Volatile.Read(ref _pieceBegun)) : TimeSpan.Zero;
            }
        }
    }

    /// <summary>Puts in a frame; <see cref="Flush"/> sends it.</summary>
    public void Write(
        FrameType type,
        uint attempt = 0,
        uint sequence = 0,
        ReadOnlySpan<byte> payload = default,
        byte flags = 0,
        ushort choice = 0
    )
    {
        lock (_gate)
        {
            if (!_closed)
            {
                FrameWriter.Write(_filling, type, attempt, payload, sequence, flags, choice);
                Volatile.Write(ref _lastWrite, time.GetTimestamp());
            }
        }
    }

    /// <summary>Puts in a frame with a message.</summary>
    public void Write<T>(FrameType type, uint attempt, T message, JsonTypeInfo<T> shape, uint sequence = 0) =>
        Write(type, attempt, sequence, JsonSerializer.SerializeToUtf8Bytes(message, shape));

    /// <summary>Puts in the frames of an offer.</summary>
    public void WriteOffer(uint attempt, Messages.Offer offer, ReadOnlyMemory<byte> request)
    {
        lock (_gate)
        {
            if (!_closed)
            {
                OfferPayload.Write(_filling, attempt, offer, request);
                Volatile.Write(ref _lastWrite, time.GetTimestamp());
            }
        }
    }

    /// <summary>Puts in a credit.</summary>
    public void WriteCredit(uint attempt, uint bytes)
    {
        lock (_gate)
        {
            if (!_closed)
            {
                FrameWriter.WriteCredit(_filling, attempt, bytes);
                Volatile.Write(ref _lastWrite, time.GetTimestamp());
            }
        }
    }

    /// <summary>Sends what is there, now or as soon as the flush under way is over. Never waits; call it after leaving locks.</summary>
    public void Flush()
    {
        bool overflow;
        lock (_gate)
        {
            overflow = _filling.Length > MostBytes;
            if (!overflow)
            {
                if (_flushing || _closed || _holds > 0 || _filling.Length == 0)
                {
                    return;
                }

                _flushing = true;
            }
        }

        if (overflow)
        {
            Break();
            return;
        }

        _ = DrainAsync(); // Ends itself, throws nothing; CompleteAsync waits for it.
    }

    /// <summary>Until <see cref="Release"/>, frames gather: one flush for all that a batch of work says.</summary>
    public void Hold() => Interlocked.Increment(ref _holds);

    /// <summary>Ends a <see cref="Hold"/> and sends what gathered.</summary>
    public void Release()
    {
        Interlocked.Decrement(ref _holds);
        Flush();
    }

    /// <summary>Sends what is left, as far as the other end takes it in that time, and ends the output.</summary>
    public async Task CompleteAsync(TimeSpan within)
    {
        Task idle;
        lock (_gate)
        {
            _holds = 0;
        }

        Flush();
        lock (_gate)
        {
            _closed = true;
            _idle = _flushing ? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) : null;
            idle = _idle?.Task ?? Task.CompletedTask;
        }

        Exception? lost = null;
        try
        {
            await idle.WaitAsync(within, time, CancellationToken.None); // The deadline is what ends it.
        }
        catch (TimeoutException e)
        {
            output.CancelPendingFlush(); // It waits for an end that does not read.
            lost = e;
        }

        try
        {
            await output.CompleteAsync(lost);
        }
        catch (Exception)
        {
            // Completing may send what is left, and a broken carrier says so here too. Nobody is left to tell.
        }
    }

    private async Task DrainAsync()
    {
        while (TakeBatch())
        {
            try
            {
                if (await SendBatchAsync())
                {
                    continue;
                }
            }
            catch (Exception)
            {
                // Whatever a carrier throws here means the same: it takes no more. The reading half says why.
            }

            _sending.Clear();
            Break();
        }
    }

    // In pieces: a slow wire that still takes something is not stuck, and what has left can be told from what waits.
    private async Task<bool> SendBatchAsync()
    {
        var rest = _sending.Written;
        while (rest.Length > 0)
        {
            var length = Math.Min(rest.Length, PieceBytes);
            output.Write(rest.Span[..length]);
            rest = rest[length..];
            if (rest.IsEmpty)
            {
                _sending.Clear();
            }

            Volatile.Write(ref _pieceBegun, time.GetTimestamp());
            var result = await output.FlushAsync(CancellationToken.None); // Broken links end it; see CompleteAsync.
            if (result.IsCompleted || result.IsCanceled)
            {
                return false;
            }

            Volatile.Write(ref _sentBytes, _sentBytes + length);
            flushed?.Invoke();
        }

        return true;
    }

    private bool TakeBatch()
    {
        TaskCompletionSource? idle;
        lock (_gate)
        {
            if (_filling.Length > 0)
            {
                (_filling, _sending) = (_sending, _filling);
                _takenBytes += _sending.Length;
                Volatile.Write(ref _pieceBegun, time.GetTimestamp());
                return true;
            }

            _flushing = false;
            idle = _idle;
        }

        idle?.TrySetResult();
        return false;
    }

    private void Break()
    {
        bool first;
        lock (_gate)
        {
            first = !_closed;
            _closed = true;
            _filling.Clear();
        }

        if (first)
        {
            broken();
        }
    }
}
