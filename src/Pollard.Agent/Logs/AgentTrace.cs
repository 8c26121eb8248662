using System.Diagnostics;
using Pollard.Agent.Backends;

namespace Pollard.Agent.Logs;

/// <summary>The span of a run on a backend, below the gateway's and above the backend's own, where somebody listens.</summary>
internal static class AgentTrace
{
    private static readonly ActivitySource Source = new(AgentMeter.Name);

    /// <summary>Begins it. Null where nobody listens, or the trace is not sampled.</summary>
    public static Activity? Begin(WorkItem work, string backend)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        _ = ActivityContext.TryParse(work.Offer.Traceparent, traceState: null, isRemote: true, out var parent);
        var run = Source.StartActivity($"{work.Offer.Kind} {work.Offer.Model}", ActivityKind.Client, parent);
        run?.SetTag("pollard.task.id", work.Offer.Task).SetTag("pollard.backend", backend);
        return run;
    }

    /// <summary>The work as the backend gets it: below the span.</summary>
    public static WorkItem Within(this WorkItem work, Activity? run) =>
        run is null ? work : work with { Offer = work.Offer with { Traceparent = run.Id } };

    /// <summary>Ends it.</summary>
    /// <param name="run">The span; null: there is none.</param>
    /// <param name="result">What came of the run; null: it was cancelled.</param>
    public static void End(Activity? run, WorkResult? result)
    {
        if (run is null)
        {
            return;
        }

        if (result is not { Failure: null })
        {
            run.SetTag("error.type", result?.Failure?.Code ?? "cancelled");
            run.SetStatus(ActivityStatusCode.Error, result?.Failure?.Message);
        }

        run.Stop();
    }
}
