using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Http;

/// <summary>Watches how long a model server is silent: before its first token, and between tokens. Costs nothing without limits.</summary>
internal sealed class TokenWatch : IDisposable
{
    private readonly HttpBackendOptions _options;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource? _silence;
    private readonly CancellationTokenRegistration _cancelled;
    private long _since;
    private bool _began;

    public TokenWatch(HttpBackendOptions options, TimeProvider time, CancellationToken ct)
    {
        _options = options;
        _time = time;
        _since = time.GetTimestamp();
        Token = ct;
        if (options.FirstToken is null && options.Stall is null)
        {
            return;
        }

        _silence = new(Timeout.InfiniteTimeSpan, time);
        _cancelled = ct.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _silence);
        Token = _silence.Token;
    }

    /// <summary>Falls when the attempt is cancelled or the server was silent for too long.</summary>
    public CancellationToken Token { get; }

    private TimeSpan? Limit => _began ? _options.Stall : _options.FirstToken;

    /// <summary>A wait for the server begins; time that our reader takes does not count.</summary>
    public void Arm()
    {
        if (_silence is not null && Limit is { } limit)
        {
            var left = limit - _time.GetElapsedTime(_since);
            _silence.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }

    /// <summary>The wait is over.</summary>
    public void Disarm() => _silence?.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <summary>The server sent something that counts.</summary>
    public void Useful()
    {
        _began = true;
        if (_silence is not null)
        {
            _since = _time.GetTimestamp();
        }
    }

    /// <summary>What to say when <see cref="Token"/> fell and the attempt was not cancelled.</summary>
    public Messages.Fail Failure(string address) => BackendFailure.Stalled(address, Limit ?? TimeSpan.Zero, _began);

    /// <summary>True when the server was silent for too long.</summary>
    public bool Fell => _silence?.IsCancellationRequested == true;

    public void Dispose()
    {
        _cancelled.Dispose();
        _silence?.Dispose();
    }
}
