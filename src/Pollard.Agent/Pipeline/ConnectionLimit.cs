namespace Pollard.Agent.Pipeline;

/// <summary>
/// How many requests to one server are open at the same time, whatever they are for. A question for work, which a server may hold
/// for minutes, never takes the last place: results are always brought.
/// </summary>
internal sealed class ConnectionLimit : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _places;
    private readonly SemaphoreSlim _questions = new(1, 1); // One at a time: with two places, one is always left for results.
    private readonly bool _isOne;
    private CancellationTokenSource? _question;
    private int _waiting;
    private bool _asksNoMore;

    /// <param name="most">At least 1.</param>
    public ConnectionLimit(int most)
    {
        _places = new SemaphoreSlim(most, most);
        _isOne = most == 1;
        Most = most;
    }

    /// <summary>Requests at the same time.</summary>
    public int Most { get; }

    /// <summary>Requests that are open now.</summary>
    public int Open => Most - _places.CurrentCount;

    /// <summary>Those of them that ask for work, or will: 0 or 1.</summary>
    public int Questions => 1 - _questions.CurrentCount;

    /// <summary>Sends a result, as soon as there is a place.</summary>
    public async Task<T> BringAsync<T>(Func<CancellationToken, Task<T>> send, CancellationToken ct)
    {
        Wait(+1);
        try
        {
            await _places.WaitAsync(ct);
        }
        finally
        {
            Wait(-1);
        }

        try
        {
            return await send(ct);
        }
        finally
        {
            _places.Release();
        }
    }

    /// <summary>
    /// Asks for work, as soon as there is a place. The token that <paramref name="ask"/> gets as its first is set when the place is
    /// wanted back: the only one there is, for a result, or all of them because no more is asked for. Who asks a server that forgets what
    /// it hands to somebody who has left must not heed it.
    /// </summary>
    public async Task<T> AskAsync<T>(Func<CancellationToken, CancellationToken, Task<T>> ask, CancellationToken ct)
    {
        await _questions.WaitAsync(ct);
        try
        {
            await _places.WaitAsync(ct);
            try
            {
                using var wantedBack = new CancellationTokenSource();
                Begin(wantedBack);
                try
                {
                    return await ask(wantedBack.Token, ct);
                }
                finally
                {
                    Begin(null); // With the lock: nobody cancels it after this.
                }
            }
            finally
            {
                _places.Release();
            }
        }
        finally
        {
            _questions.Release();
        }
    }

    /// <summary>No more is asked for: questions that are held are given up.</summary>
    public void AskNoMore()
    {
        lock (_gate)
        {
            _asksNoMore = true;
            _question?.Cancel();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _places.Dispose();
        _questions.Dispose();
    }

    private void Begin(CancellationTokenSource? question)
    {
        lock (_gate)
        {
            _question = question;
            GiveUpIfWanted();
        }
    }

    private void Wait(int more)
    {
        lock (_gate)
        {
            _waiting += more;
            GiveUpIfWanted();
        }
    }

    private void GiveUpIfWanted()
    {
        if (_asksNoMore || (_isOne && _waiting > 0))
        {
            _question?.Cancel();
        }
    }
}
