using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks;

/// <summary>What the end of an attempt means for the next choice: whether its host is blamed, and what its owner had of it.</summary>
internal sealed partial class EngineCore
{
    // When links drop in numbers the trouble is not the hosts'. What cannot be tried again is the request's fault, not the host's.
    private void NoteFault(Attempt attempt, TaskError error)
    {
        if (
            error.Retryable
            && error.Code is not ("busy" or "draining" or "rate_limited")
            && !attempt.IsSpared
            && Losses.FreezeLeft == TimeSpan.Zero
        )
        {
            attempt.Forecast?.Rate.NoteFault();
        }
    }

    // It was charged what was foreseen. Whoever is to wait again for another try had nothing of this one, unless that goes on with it.
    private static void Settle(Attempt attempt, OwnerShare owner)
    {
        if (attempt.Forecast is { } forecast)
        {
            var counts =
                attempt.IsFinishing || attempt.Task.Row.IsFinal || (attempt.HasWritten && attempt.Task.Cut is not null);
            owner.Correct((counts ? forecast.Cost(attempt.Tokens) : 0) - forecast.Charged);
        }
    }
}
