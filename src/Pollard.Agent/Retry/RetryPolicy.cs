using System.Net;

namespace Pollard.Agent.Retry;

/// <summary>When to try again: schedule, jitter and budget in one place, for everything that retries.</summary>
public sealed record RetryPolicy
{
    /// <summary>Tries at the most, the first included. Absent: no limit.</summary>
    public int? MaxTries { get; init; } = 3;

    /// <summary>The longest first wait; each later one is <see cref="Growth"/> times as long.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The first wait is none: most links that break can be made anew at once. The second is <see cref="FirstDelay"/>.</summary>
    public bool IsFirstAtOnce { get; init; }

    /// <summary>What a wait never exceeds, unless the other end asks for longer.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>How much longer each wait is than the one before.</summary>
    public double Growth { get; init; } = 2;

    /// <summary>The random part of a wait: 1 draws it from zero to its length (full jitter), 0 waits exactly.</summary>
    public double Jitter { get; init; } = 1;

    /// <summary>Time from the first try after which nothing is tried again. Absent: no limit.</summary>
    public TimeSpan? Budget { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Tries for ever, as a link that must come back does: at once, then after a random part of a window that doubles from one
    /// second to 64, so that the hosts of a gateway that comes back do not come all at once.
    /// </summary>
    public static RetryPolicy Reconnect { get; } =
        new()
        {
            MaxTries = null,
            Budget = null,
            IsFirstAtOnce = true,
            FirstDelay = TimeSpan.FromSeconds(1),
            MaxDelay = TimeSpan.FromSeconds(64),
        };

    /// <summary>Begins to count tries and time.</summary>
    public RetryRun Start(TimeProvider time, Random random) => new(this, time, random);

    /// <summary>True for answers that a later try may better: 408, 429 and 5xx, but not 501 and 505, which stay.</summary>
    public static bool IsTransient(HttpStatusCode status) =>
        status
            is HttpStatusCode.RequestTimeout
                or HttpStatusCode.TooManyRequests
                or (
                    >= HttpStatusCode.InternalServerError
                    and not HttpStatusCode.NotImplemented
                    and not HttpStatusCode.HttpVersionNotSupported
                );

    /// <summary>True for failures of the network that a later try may better.</summary>
    public static bool IsTransient(Exception exception) =>
        exception is HttpRequestException or IOException or System.Net.WebSockets.WebSocketException;
}

/// <summary>One run of a <see cref="RetryPolicy"/>. Not for several threads.</summary>
public sealed class RetryRun
{
    private readonly RetryPolicy _policy;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private long _started;

    internal RetryRun(RetryPolicy policy, TimeProvider time, Random random)
    {
        _policy = policy;
        _time = time;
        _random = random;
        _started = time.GetTimestamp();
    }

    /// <summary>Tries that have failed since the start or the last success.</summary>
    public int Failures { get; private set; }

    /// <summary>Counts a failed try and says how long to wait for the next; null: give up.</summary>
    /// <param name="askedFor">What the other end asked to wait (<c>Retry-After</c>).</param>
    public TimeSpan? Next(TimeSpan? askedFor = null)
    {
        Failures++;
        if (Failures >= _policy.MaxTries)
        {
            return null;
        }

        var wait = Delay(Failures);
        wait = askedFor > wait ? askedFor.Value : wait;
        return _time.GetElapsedTime(_started) + wait > _policy.Budget ? null : wait;
    }

    /// <summary>Counts a try and draws the wait for the next from a window that the other end gave; later windows go on from there.</summary>
    public TimeSpan Within(TimeSpan window)
    {
        window = TimeSpan.FromTicks(Math.Clamp(window.Ticks, 0, _policy.MaxDelay.Ticks));
        do
        {
            Failures++;
        } while (Window(Failures) < window);
        return window * _random.NextDouble();
    }

    /// <summary>Counts a failed try and waits for the next. False: give up.</summary>
    public async Task<bool> WaitAsync(TimeSpan? askedFor, CancellationToken cancellationToken)
    {
        if (Next(askedFor) is not { } wait)
        {
            return false;
        }

        await Task.Delay(wait, _time, cancellationToken);
        return true;
    }

    /// <summary>Forgets the failures after a success.</summary>
    public void Succeeded()
    {
        Failures = 0;
        _started = _time.GetTimestamp();
    }

    /// <summary>
    /// Forgets failures after a success that did not last, until the longest next wait is no longer than that lasted. What did not
    /// even last for the policy's first wait forgets nothing: it waits ever longer.
    /// </summary>
    public void Lasted(TimeSpan time)
    {
        if (time < _policy.FirstDelay)
        {
            return;
        }

        while (Failures > 0 && Window(Failures + 1) > time)
        {
            Failures--;
        }
    }

    private TimeSpan Delay(int failures)
    {
        var random = _policy.Jitter * _random.NextDouble();
        return Window(failures) * (1 - _policy.Jitter + random);
    }

    private TimeSpan Window(int failures)
    {
        var grown = failures - (_policy.IsFirstAtOnce ? 2 : 1);

        // Seconds as a double: a TimeSpan overflows long before the power does.
        return grown < 0
            ? TimeSpan.Zero
            : TimeSpan.FromSeconds(
                Math.Min(
                    _policy.FirstDelay.TotalSeconds * Math.Pow(_policy.Growth, grown),
                    _policy.MaxDelay.TotalSeconds
                )
            );
    }
}
