using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Pollard.Agent.Backends.Http;

/// <summary>Tells the operator once when a model server is gone, and once when it is back.</summary>
internal sealed partial class DiscoveryLog(ILogger logger, string address)
{
    private readonly Lock _lock = new();
    private readonly HashSet<string> _skipped = new(StringComparer.Ordinal);
    private bool? _reachable;

    /// <summary>True for what may happen while a server is asked for its models.</summary>
    public static bool IsExpected(Exception exception) =>
        exception
            is HttpRequestException
                or IOException
                or JsonException
                or InvalidOperationException
                or OperationCanceledException;

    public void Reached(int models)
    {
        if (Changed(reachable: true))
        {
            LogReached(logger, address, models);
        }
    }

    public void Missed(Exception why)
    {
        if (Changed(reachable: false))
        {
            LogMissed(logger, address, why.GetBaseException().Message);
        }
    }

    public void Skipped(string? model)
    {
        lock (_lock)
        {
            if (_skipped.Count >= 100 || !_skipped.Add(model ?? ""))
            {
                return;
            }
        }

        LogSkipped(logger, model, address);
    }

    private bool Changed(bool reachable)
    {
        lock (_lock)
        {
            var changed = _reachable != reachable;
            _reachable = reachable;
            return changed;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Address} is there; models: {Models}")]
    private static partial void LogReached(ILogger logger, string address, int models);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Address} does not tell its models: {Why}. It is asked again; this is said once"
    )]
    private static partial void LogMissed(ILogger logger, string address, string why);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Model {Model} of {Address} is left out: its name is longer than 100 characters or has others than letters, digits and . _ - : / @ +"
    )]
    private static partial void LogSkipped(ILogger logger, string? model, string address);
}
