using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Engines;

/// <summary>
/// Engines in the order in which they are asked. When one fails, the next that is not known to fail is asked the same, once: a caller does
/// not wait for more.
/// </summary>
internal sealed partial class EngineList<TEngine>
{
    private const int MostAsked = 2;
    private readonly IReadOnlyList<Entry> _entries;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <summary>Makes a list.</summary>
    /// <exception cref="EngineSetupException">There is no engine in it.</exception>
    public EngineList(IEnumerable<(string Name, TEngine Engine)> engines, TimeProvider time, ILogger logger)
    {
        (_time, _logger) = (time, logger);
        _entries = [.. engines.Select(one => new Entry(one.Name, one.Engine, new EngineBreaker(time)))];
        if (_entries.Count == 0)
        {
            throw new EngineSetupException("There must be at least one engine.");
        }
    }

    /// <summary>The engines' names.</summary>
    public string Names => string.Join(", ", _entries.Select(static entry => entry.Name));

    /// <summary>Asks one, and another if it must be.</summary>
    public async Task<TAnswer> AskAsync<TAnswer>(
        Func<TEngine, Task<TAnswer>> ask,
        Func<EngineFailure, TAnswer> none,
        CancellationToken ct
    )
        where TAnswer : class, IEngineAnswer
    {
        TAnswer? last = null;
        var asked = 0;
        foreach (var entry in _entries)
        {
            if (asked == MostAsked)
            {
                break;
            }

            if (entry.Breaker.TryEnter() is not { } pass)
            {
                continue;
            }

            asked++;
            last = await AskOneAsync(entry, pass, ask, ct);
            if (IsGood(last))
            {
                return last;
            }
        }

        return last
            ?? none(
                new EngineFailure(
                    EngineFault.Unreachable,
                    $"are not asked: all have failed too often, and are left alone for {EngineBreaker.OpenFor.TotalSeconds:0} s"
                )
            );
    }

    private async Task<TAnswer> AskOneAsync<TAnswer>(
        Entry entry,
        BreakerPass pass,
        Func<TEngine, Task<TAnswer>> ask,
        CancellationToken ct
    )
        where TAnswer : class, IEngineAnswer
    {
        var began = _time.GetTimestamp();
        bool? isGood = false; // An exception is a failure that the engine did not know of.
        var outcome = "exception";
        try
        {
            var answer = await ask(entry.Engine);
            (isGood, outcome) = (IsGood(answer), answer.Failure?.Word ?? "ok");
            if (isGood == false)
            {
                LogFailed(_logger, entry.Name, answer.Failure!.Word, answer.Failure.Detail);
            }

            return answer;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            (isGood, outcome) = (null, "cancelled");
            throw;
        }
        finally
        {
            EngineMetrics.Answered(entry.Name, _time.GetElapsedTime(began), outcome);
            Changed(entry, entry.Breaker.Leave(pass, isGood));
        }
    }

    private void Changed(Entry entry, BreakerChange change)
    {
        if (change == BreakerChange.Opened)
        {
            EngineMetrics.Opened(entry.Name);
            LogOpened(_logger, entry.Name, EngineBreaker.OpenFor);
        }
        else if (change == BreakerChange.Closed)
        {
            LogClosed(_logger, entry.Name);
        }
    }

    // That nobody spoke is an answer.
    private static bool IsGood(IEngineAnswer answer) => answer.Failure is null or { Fault: EngineFault.NoSpeech };

    private sealed record Entry(string Name, TEngine Engine, EngineBreaker Breaker);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Engine} failed ({Word}): it {Detail}")]
    private static partial void LogFailed(ILogger logger, string engine, string word, string detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Engine} fails too often and is not asked for {Time}")]
    private static partial void LogOpened(ILogger logger, string engine, TimeSpan time);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Engine} works again")]
    private static partial void LogClosed(ILogger logger, string engine);
}
