namespace Pollard.Agent.Sources.TaskServers.Teleport;

/// <summary>How often a server is asked: at the most so many times in any minute, as soon as it is wanted otherwise. One asks at a time.</summary>
internal sealed class AskingRate(TimeProvider time)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly Queue<long> _asked = new();

    /// <summary>Waits until it may be asked once more.</summary>
    public async Task WaitAsync(int perMinute, CancellationToken ct)
    {
        while (_asked.TryPeek(out var first))
        {
            var age = time.GetElapsedTime(first);
            if (age >= Minute)
            {
                _asked.Dequeue();
            }
            else if (_asked.Count >= perMinute)
            {
                await Task.Delay(Minute - age, time, ct);
            }
            else
            {
                break;
            }
        }

        _asked.Enqueue(time.GetTimestamp());
    }
}
