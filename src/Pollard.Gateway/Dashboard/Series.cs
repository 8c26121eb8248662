using Pollard.Protocol.Api;
using Pollard.Tasks.Watching;

namespace Pollard.Gateway.Dashboard;

/// <summary>What was counted over a span of time, in points of equal length; the oldest goes when a new one comes. For one thread at a time.</summary>
/// <param name="stepSeconds">How long a point is.</param>
/// <param name="count">How many points there are.</param>
internal sealed class Series(int stepSeconds, int count)
{
    private readonly Point?[] _points = new Point?[count];
    private long _newest = -1;

    /// <summary>Takes in what happened in a second.</summary>
    public void Add(DateTimeOffset now, long requests, long tokens, ActivityCounts counts)
    {
        var number = now.ToUnixTimeSeconds() / stepSeconds;
        if (number > _newest)
        {
            for (var passed = Math.Max(_newest + 1, number - count + 1); passed <= number; passed++)
            {
                _points[passed % count] = null; // Also those of which nothing is known: the machine slept.
            }

            _newest = number;
        }

        if (number <= _newest - count)
        {
            return; // The clock was set back by far.
        }

        var place = number % count;
        var point = _points[place] ?? new Point(0, 0, 0, 0, 0);
        _points[place] = new Point(
            point.Seconds + 1,
            point.Requests + requests,
            point.Tokens + tokens,
            Math.Max(point.Pending, counts.Pending),
            Math.Max(point.Running, counts.Running)
        );
    }

    /// <summary>All of it.</summary>
    public OverviewHistory Show()
    {
        List<Point?> points = [];
        for (var number = _newest - count + 1; number <= _newest; number++)
        {
            points.Add(number < 0 ? null : _points[number % count]);
        }

        return new OverviewHistory(
            stepSeconds,
            DateTimeOffset.FromUnixTimeSeconds((_newest + 1) * stepSeconds),
            [.. points.Select(static point => Rate(point?.Requests, point?.Seconds))],
            [.. points.Select(static point => Rate(point?.Tokens, point?.Seconds))],
            [.. points.Select(static point => point?.Pending)],
            [.. points.Select(static point => point?.Running)]
        );
    }

    private static double? Rate(long? sum, int? seconds) =>
        sum is { } all && seconds is { } over ? Math.Round(all / (double)over, 2) : null;

    private sealed record Point(int Seconds, long Requests, long Tokens, int Pending, int Running);
}
