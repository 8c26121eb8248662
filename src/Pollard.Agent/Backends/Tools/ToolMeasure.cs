using System.Net;
using Pollard.Agent.Logs;

namespace Pollard.Agent.Backends.Tools;

/// <summary>Measures a call of a tool, from its request to the end of its answer. A call that is not allowed is none.</summary>
internal sealed class ToolMeasure(TimeProvider time)
{
    private long? _begun;
    private HttpStatusCode _status;

    /// <summary>The request is sent.</summary>
    public void Sent() => _begun = time.GetTimestamp();

    /// <summary>The answer has begun.</summary>
    public void Answered(HttpStatusCode status) => _status = status;

    /// <summary>The call is over.</summary>
    /// <param name="result">What came of it; null: it was cancelled.</param>
    public void Over(WorkResult? result)
    {
        if (_begun is not { } begun)
        {
            return;
        }

        var status = (int)_status;
        var error = result is null ? "cancelled" : result.Failure?.Code ?? (status >= 400 ? "status" : null);
        AgentMeter.Requested(AgentMeter.TargetRequest, time.GetElapsedTime(begun), status, error);
    }
}
