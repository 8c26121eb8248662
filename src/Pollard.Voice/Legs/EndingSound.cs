using Pollard.Voice.Audio;

namespace Pollard.Voice.Legs;

/// <summary>Sound of which it is known when it has ended.</summary>
/// <param name="reader">Reads it.</param>
/// <param name="mostSilence">How long nothing may come before it has ended, though nobody says so; null: for ever.</param>
/// <param name="time">The clock.</param>
internal sealed class EndingSound(SampleReader reader, TimeSpan? mostSilence, TimeProvider time)
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when it has.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Reads it: at least a sample, or 0 at the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken ct)
    {
        var count = mostSilence is { } most ? await ReadWithinAsync(most, samples, ct) : await reader(samples, ct);
        if (count == 0)
        {
            _ended.TrySetResult();
        }

        return count;
    }

    private async ValueTask<int> ReadWithinAsync(TimeSpan most, Memory<float> samples, CancellationToken ct)
    {
        using var late = new CancellationTokenSource(most, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            return await reader(samples, either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return 0;
        }
    }
}
