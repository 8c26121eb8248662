using System.Security.Cryptography;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts;

/// <summary>What became of work that a host brought.</summary>
internal enum Delivery : byte
{
    /// <summary>It counts, and is kept.</summary>
    Taken,

    /// <summary>The host has it no more: its time was over, or nobody wants it.</summary>
    Over,

    /// <summary>It is not on disk yet, for longer than anybody waits.</summary>
    Late,
}

/// <summary>One attempt that a host has which asks for work. Its id is random, good once, and only for who asked.</summary>
internal sealed class PolledWork(Attempt attempt, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan KeptWithin = TimeSpan.FromSeconds(8); // Less than the shortest patience of a client, which is ten.
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _over = new();
    private readonly TaskCompletionSource _kept = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _credited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _credit = LinkLimits.CreditWindowBytes;

    /// <summary>What the host calls it.</summary>
    public string Id { get; } = new Guid(RandomNumberGenerator.GetBytes(16)).ToString();

    /// <summary>The attempt.</summary>
    public Attempt Attempt => attempt;

    /// <summary>How long the host has from the beginning: a little less than the try may take, so that the task is given on, not ended.</summary>
    public TimeSpan Lease { get; } = LeaseOf(attempt.TimeLeft);

    /// <summary>When the host got it, on the monotonic clock.</summary>
    public long GivenAt { get; } = time.GetTimestamp();

    /// <summary>What is left of its time.</summary>
    public TimeSpan LeaseLeft => Lease - time.GetElapsedTime(GivenAt);

    /// <summary>Cancelled when the host has it no more.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>It neither is kept nor over: the engine counts on it.</summary>
    public bool IsOpen => !_kept.Task.IsCompleted && !_over.IsCancellationRequested;

    /// <summary>The host has it no more; again is no error.</summary>
    public void End() => _over.Cancel();

    /// <summary>All that was written of it is kept.</summary>
    public void Keep() => _kept.TrySetResult();

    /// <summary>So much more may be written of it.</summary>
    public void Credit(int bytes) => SetCredit(before => before + bytes);

    /// <summary>It was taken up again: so much may be written of it.</summary>
    public void BeginCredit(int bytes) => SetCredit(_ => bytes);

    /// <summary>Waits until so much may be written, and takes it.</summary>
    /// <exception cref="OperationCanceledException">The host has it no more.</exception>
    public async ValueTask SpendAsync(int bytes)
    {
        while (true)
        {
            Task more;
            lock (_gate)
            {
                if (_credit >= bytes)
                {
                    _credit -= bytes;
                    return;
                }

                more = _credited.Task;
            }

            await more.WaitAsync(_over.Token);
        }
    }

    /// <summary>Waits until the end that the host brought is on disk.</summary>
    public async Task<Delivery> KeptAsync()
    {
        try
        {
            await _kept.Task.WaitAsync(KeptWithin, time, _over.Token);
            return Delivery.Taken;
        }
        catch (TimeoutException)
        {
            return Delivery.Late;
        }
        catch (OperationCanceledException)
        {
            return _kept.Task.IsCompleted ? Delivery.Taken : Delivery.Over;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _over.Dispose();

    private void SetCredit(Func<long, long> change)
    {
        TaskCompletionSource credited;
        lock (_gate)
        {
            _credit = change(_credit);
            (credited, _credited) = (_credited, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        credited.TrySetResult();
    }

    private static TimeSpan LeaseOf(TimeSpan timeLeft)
    {
        var margin = TimeSpan.FromSeconds(2); // Twice the time between two looks at it.
        return timeLeft > 4 * margin ? timeLeft - margin : timeLeft * 0.75;
    }
}
