namespace Pollard.Agent.Sources.Gateway;

/// <summary>
/// Which carrier to use: the best that gets through, found by trying all at once; the next one down when a session on it fails or
/// is cut again and again at the same age; and a better one as soon as it gets through.
/// </summary>
/// <param name="carriers">The best first. The last one is never tried without a session.</param>
/// <param name="remembered">The one that worked last in this network; null when there is none.</param>
/// <param name="riseAfter">How long to wait before each look for a better one; the last of them again and again.</param>
/// <param name="time">The clock.</param>
internal sealed class CarrierLadder(
    IReadOnlyList<ILinkCarrier> carriers,
    string? remembered,
    IReadOnlyList<TimeSpan> riseAfter,
    TimeProvider time
)
{
    /// <summary>Soon at first, for a test may have failed by chance.</summary>
    public static readonly IReadOnlyList<TimeSpan> RiseAfter =
    [
        TimeSpan.FromMinutes(1),
        TimeSpan.FromMinutes(5),
        TimeSpan.FromMinutes(30),
    ];

    private static readonly TimeSpan LeastCutAge = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MostCutAge = TimeSpan.FromMinutes(20);

    private readonly bool[] _failed = new bool[carriers.Count];
    private readonly bool[] _isCut = new bool[carriers.Count];
    private int _index = Math.Max(0, IndexOf(carriers, remembered));
    private bool _isInDoubt = carriers.Count > 1 && IndexOf(carriers, remembered) < 0;
    private bool _isTested; // Since the last session that stood.
    private TimeSpan? _lastCutAge;
    private int _probes;

    /// <summary>The carrier to use now.</summary>
    public ILinkCarrier Current => carriers[_index];

    /// <summary>Makes up its mind where that is in doubt.</summary>
    /// <exception cref="LinkRefusedException">The gateway does not let this host in.</exception>
    public async Task ChooseAsync(CancellationToken ct)
    {
        if (_isInDoubt)
        {
            _index = await BestAsync(carriers.Count - 1, ct);
            (_isInDoubt, _isTested, _lastCutAge) = (false, true, null);
        }
    }

    /// <summary>The present carrier carries no session. False when there is no other to try at once.</summary>
    public bool Failed()
    {
        if (carriers.Count == 1)
        {
            return false;
        }

        _isInDoubt = true;
        if (!_isTested)
        {
            return true; // It may be the gateway that was away: the test says who is to blame.
        }

        _failed[_index] = true;
        if (_index < carriers.Count - 1)
        {
            return true;
        }

        StartOver();
        return false;
    }

    /// <summary>A session stands.</summary>
    public void Proven()
    {
        _isTested = false;
        Array.Clear(_failed);
    }

    /// <summary>A session that stood was cut, neither end having wanted it.</summary>
    /// <param name="age">How long it had stood.</param>
    public void Cut(TimeSpan age)
    {
        // Something on the way that ends every request, or connection, when it is so old. Work survives it, but not unharmed.
        if (
            age >= LeastCutAge
            && age <= MostCutAge
            && _lastCutAge is { } last
            && (age - last).Duration() < age * 0.1
            && _index < carriers.Count - 1
        )
        {
            _isCut[_index] = true;
            _isInDoubt = true;
        }

        _lastCutAge = age;
    }

    /// <summary>Ends when a better carrier than the present one gets through, which then is the present one.</summary>
    public async Task RiseAsync(CancellationToken ct)
    {
        while (true)
        {
            var isHopeless = Enumerable.Range(0, _index).All(better => _isCut[better]);
            var wait = isHopeless ? Timeout.InfiniteTimeSpan : riseAfter[Math.Min(_probes++, riseAfter.Count - 1)];
            await Task.Delay(wait, time, ct);
            try
            {
                var best = await BestAsync(_index, ct);
                if (best < _index)
                {
                    _index = best;
                    return;
                }
            }
            catch (LinkRefusedException)
            {
                // The session that stands will hear of it.
            }
        }
    }

    private void StartOver()
    {
        _isTested = false;
        Array.Clear(_failed);
        Array.Clear(_isCut);
    }

    /// <summary>The first of the carriers before <paramref name="end"/> that gets through, or that one.</summary>
    private async Task<int> BestAsync(int end, CancellationToken ct)
    {
        using var decided = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var tests = Enumerable
            .Range(0, end)
            .Select(index =>
                _failed[index] || _isCut[index]
                    ? Task.FromResult(false)
                    : carriers[index].GetsThroughAsync(decided.Token)
            )
            .ToList();
        try
        {
            for (var index = 0; index < end; index++)
            {
                if (await tests[index])
                {
                    return index;
                }
            }

            return end;
        }
        finally
        {
            await decided.CancelAsync();
            await ((Task)Task.WhenAll(tests)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static int IndexOf(IReadOnlyList<ILinkCarrier> carriers, string? name)
    {
        for (var i = 0; i < carriers.Count; i++)
        {
            if (string.Equals(carriers[i].Name, name, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }
}
