using Pollard.Protocol.Api;
using Pollard.Tasks.Watching;

namespace Pollard.Gateway.Dashboard;

/// <summary>How fast tasks and tokens came: of the last ten seconds, the last ten minutes and the last day. Forgets all at a restart.</summary>
internal sealed class OverviewBook(TimeProvider time)
{
    private const int RateSeconds = 10;
    private readonly Lock _gate = new();
    private readonly Queue<(long At, long Requests, long Tokens)> _last = new();
    private readonly Series _minutes = new(stepSeconds: 5, count: 120);
    private readonly Series _day = new(stepSeconds: 300, count: 288);
    private ActivityCounts? _before;

    /// <summary>Takes in what the engine has counted; once a second.</summary>
    public void Add(ActivityCounts counts)
    {
        lock (_gate)
        {
            var before = _before ?? counts;
            var requests = counts.Submitted - before.Submitted;
            // An answer that is void, or longer in bytes than in its host's count, makes it less: nothing was written then.
            var tokens = Math.Max(0, Written(counts) - Written(before));
            _before = counts;
            _last.Enqueue((time.GetTimestamp(), requests, tokens));
            while (_last.Count > 1 && time.GetElapsedTime(_last.Peek().At).TotalSeconds > RateSeconds)
            {
                _last.Dequeue();
            }

            _minutes.Add(time.GetUtcNow(), requests, tokens, counts);
            _day.Add(time.GetUtcNow(), requests, tokens, counts);
        }
    }

    /// <summary>How fast it goes.</summary>
    public OverviewRates Rates()
    {
        lock (_gate)
        {
            return new OverviewRates(
                Math.Round(_last.Sum(static second => second.Requests) / (double)RateSeconds, 2),
                Math.Round(_last.Sum(static second => second.Tokens) / (double)RateSeconds, 1)
            );
        }
    }

    /// <summary>How fast it went, over ten minutes or a day.</summary>
    public OverviewHistory History(bool day)
    {
        lock (_gate)
        {
            return (day ? _day : _minutes).Show();
        }
    }

    private static long Written(ActivityCounts counts) => counts.OutputTokens + counts.TokensUnderWay;
}
