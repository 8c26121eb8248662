using Microsoft.Extensions.Logging;

namespace Pollard.Agent.Owner;

/// <summary>Knows whether the machine's owner lets it work at this moment, and says when that changes.</summary>
internal sealed partial class RestKeeper : IDisposable
{
    // Also that often when nothing is due: the machine may have slept, or its clock been set.
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LookForUseEvery = TimeSpan.FromSeconds(10);
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Schedule? _schedule;
    private readonly TimeSpan? _whenIdle;
    private readonly Func<DateTimeOffset, DateTimeOffset> _lastUse;
    private readonly PauseFile? _file;
    private readonly ITimer _timer;
    private Pause? _pause;
    private AgentRest? _now;

    public RestKeeper(AgentOptions options, ILogger<RestKeeper> logger)
    {
        (_time, _schedule, _logger) = (options.Time, options.Schedule, logger);
        (_whenIdle, _lastUse) = (options.WhenIdle, options.LastUse);
        _file = options.HasControl ? new PauseFile(options.StateDirectory) : null;
        _pause = _file?.Read();
        _timer = _time.CreateTimer(
            static keeper => ((RestKeeper)keeper!).Look(),
            this,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
        Look();
    }

    /// <summary>Raised when it changes, in order; never blocks.</summary>
    public event Action<AgentRest?>? Changed;

    /// <summary>Why the machine does not work; null: it does.</summary>
    public AgentRest? Now => Volatile.Read(ref _now);

    /// <summary>The owner wants it to rest, also after a restart.</summary>
    /// <exception cref="IOException">That cannot be kept.</exception>
    public void Pause(TimeSpan? length) => Set(new Pause(length is { } some ? _time.GetUtcNow() + some : null));

    /// <summary>The owner wants it to work, as far as nothing else is against it.</summary>
    /// <exception cref="IOException">That cannot be kept.</exception>
    public void Resume() => Set(null);

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Set(Pause? pause)
    {
        lock (_gate)
        {
            _file?.Write(pause);
            _pause = pause;
        }

        Look();
    }

    private void Look()
    {
        var used = _whenIdle is null ? default : _lastUse(_time.GetUtcNow()); // Without the lock: it asks another program.
        lock (_gate) // Over the event as well: who hears it hears the changes in their order.
        {
            var now = _time.GetUtcNow();
            EndPause(now);
            var rest = Find(now, used);
            if (rest != _now)
            {
                Volatile.Write(ref _now, rest);
                LogChanged(_logger, rest is null ? "takes work" : $"takes no work: {rest.Reason}");
                Changed?.Invoke(rest);
            }

            _timer.Change(NextLook(now, rest), Timeout.InfiniteTimeSpan);
        }
    }

    private AgentRest? Find(DateTimeOffset now, DateTimeOffset used) =>
        _pause is { } pause ? new AgentRest(AgentRest.Paused, "it is paused by its owner", pause.Until)
        : _schedule?.IsOpen(now, _time.LocalTimeZone) is false
            ? new AgentRest(
                AgentRest.Scheduled,
                "it is outside the hours of its schedule",
                _schedule.NextChange(now, _time.LocalTimeZone)
            )
        : now - used < _whenIdle ? new AgentRest(AgentRest.InUse, "somebody uses it", used + _whenIdle)
        : null;

    private TimeSpan NextLook(DateTimeOffset now, AgentRest? rest)
    {
        var every = _whenIdle is null ? LookEvery : LookForUseEvery;
        var next = rest?.Until - now is { } left && left < every ? left : every;
        var minute = TimeSpan.FromTicks(TimeSpan.TicksPerMinute - (now.UtcTicks % TimeSpan.TicksPerMinute));
        return _schedule is not null && minute < next ? minute : next; // Schedules change with the minute.
    }

    private void EndPause(DateTimeOffset now)
    {
        if (_pause?.Until is not { } until || until > now)
        {
            return;
        }

        _pause = null;
        try
        {
            _file?.Write(null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotDeleted(_logger, e.Message); // It is over all the same, also for the next start.
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "This machine {What}")]
    private static partial void LogChanged(ILogger logger, string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The file of a pause that is over stays: {Reason}")]
    private static partial void LogNotDeleted(ILogger logger, string reason);
}
