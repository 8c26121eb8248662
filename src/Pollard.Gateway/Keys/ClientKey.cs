using Pollard.Gateway.Http;

namespace Pollard.Gateway.Keys;

/// <summary>A key in use: what is stored of it, and what its requests have used up.</summary>
internal sealed class ClientKey(KeyRecord record, TimeProvider time, int? burst = null)
{
    private int _open;

    /// <summary>What is stored.</summary>
    public KeyRecord Record { get; } = record;

    /// <summary>Who its requests come from.</summary>
    public Caller Caller { get; } = new(record.Id, record.Role == KeyRoles.Admin, record.Role == KeyRoles.Viewer);

    /// <summary>Its limit of requests; null when it has none.</summary>
    public RequestBucket? Bucket { get; } =
        record.RequestsPerMinute is { } rate ? new RequestBucket(rate, burst ?? rate, time) : null;

    /// <summary>True while no request of it is open.</summary>
    public bool IsIdle => Volatile.Read(ref _open) == 0;

    /// <summary>Counts a request in; false when too many are open.</summary>
    public bool TryEnter(int most)
    {
        if (Interlocked.Increment(ref _open) <= most)
        {
            return true;
        }

        Leave();
        return false;
    }

    /// <summary>Counts a request out.</summary>
    public void Leave() => Interlocked.Decrement(ref _open);
}

/// <summary>What keys may do.</summary>
internal static class KeyRoles
{
    /// <summary>Everything.</summary>
    public const string Admin = "admin";

    /// <summary>Looks on: sees all there is, but not what tasks say, and changes nothing.</summary>
    public const string Viewer = "viewer";

    /// <summary>Work, and its own tasks.</summary>
    public const string Client = "client";
}

/// <summary>Requests a minute as a bucket of tokens: full at the start, refilled evenly.</summary>
internal sealed class RequestBucket(int perMinute, int size, TimeProvider time)
{
    private const double SecondsPerMinute = 60;
    private readonly Lock _gate = new();
    private double _tokens = size;
    private long _filled = time.GetTimestamp();

    /// <summary>Tokens when it is full.</summary>
    public int PerMinute => perMinute;

    /// <summary>Takes a token if there is one.</summary>
    /// <param name="left">Tokens left.</param>
    /// <param name="reset">When the next comes (there is none) or all are back (there are some).</param>
    public bool TryTake(out int left, out TimeSpan reset)
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            var filled = time.GetElapsedTime(_filled, now).TotalSeconds * perMinute / SecondsPerMinute;
            _tokens = Math.Min(size, _tokens + filled);
            _filled = now;
            var taken = _tokens >= 1;
            _tokens -= taken ? 1 : 0;
            left = (int)_tokens;
            reset = TimeSpan.FromSeconds((taken ? size - _tokens : 1 - _tokens) * SecondsPerMinute / perMinute);
            return taken;
        }
    }
}
