using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links;

/// <summary>
/// Takes calls from whoever brings them, and has each served once, by itself: what its neighbour's next process brings goes to who serves
/// it already.
/// </summary>
/// <param name="sources">Who brings calls.</param>
/// <param name="serve">Serves one until it is over, or its token is set: this side ends.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class CallReception(
    IReadOnlyList<ICallSource> sources,
    Func<ICallLink, CancellationToken, Task> serve,
    TimeProvider time,
    ILogger logger
)
{
    private const int MostCalls = 4_000;
    private readonly Dictionary<CallId, Served> _calls = [];
    private readonly Lock _gate = new();

    /// <summary>Calls that are served, since when each is, and how often a neighbour of it was started anew.</summary>
    public IReadOnlyList<(CallId Call, DateTimeOffset Since, int Rejoined)> Look()
    {
        lock (_gate)
        {
            return [.. _calls.Values.Select(static one => (one.Call.Call, one.Call.Since, one.Call.Rejoined))];
        }
    }

    /// <summary>Takes calls until <paramref name="ct"/> is set, and returns when none is served any more.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        await Task.WhenAll(sources.Select(source => TakeAsync(source, ct)));
        Task[] serving;
        lock (_gate)
        {
            serving = [.. _calls.Values.Select(static one => one.Serving)];
        }

        await Task.WhenAll(serving);
    }

    private async Task TakeAsync(ICallSource source, CancellationToken ct)
    {
        var running = source.RunAsync(ct);
        await foreach (var link in source.Came.ReadAllAsync(CancellationToken.None)) // It ends with the source.
        {
            if (!TryTake(link, ct))
            {
                LogFull(logger, link.Call);
                link.Close();
            }
        }

        await running;
    }

    private bool TryTake(ICallLink link, CancellationToken ct)
    {
        lock (_gate)
        {
            _calls.TryGetValue(link.Call, out var known);
            if (known?.Call.TryAttach(link) == true)
            {
                LogRejoined(logger, link.Call);
                return true;
            }

            if (_calls.Count >= MostCalls && known is null)
            {
                return false;
            }

            var call = new Served(new RejoinedCall(link.Call, time.GetUtcNow()));
            call.Call.TryAttach(link);
            _calls[link.Call] = call;
            call.Serving = ServeAsync(call, known?.Serving ?? Task.CompletedTask, ct);
            return true;
        }
    }

    /// <summary>Serves a call when the one before it under its id is over: what each has of its neighbours is its own.</summary>
    private async Task ServeAsync(Served served, Task before, CancellationToken ct)
    {
        await Task.Yield(); // Who comes next is not to wait for this one's beginning.
        await before;
        try
        {
            await serve(served.Call, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // All calls end.
        }
        catch (Exception e)
        {
            LogBroken(logger, served.Call.Call, e);
        }

        if (!ct.IsCancellationRequested) // Otherwise it goes on with this service's next process.
        {
            served.Call.Close();
        }

        lock (_gate)
        {
            if (_calls.TryGetValue(served.Call.Call, out var known) && known == served)
            {
                _calls.Remove(served.Call.Call);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Call {Call}: a neighbour has come back")]
    private static partial void LogRejoined(ILogger logger, CallId call);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Call {Call} is one too many")]
    private static partial void LogFull(ILogger logger, CallId call);

    [LoggerMessage(Level = LogLevel.Error, Message = "Serving call {Call} broke")]
    private static partial void LogBroken(ILogger logger, CallId call, Exception exception);

    private sealed class Served(RejoinedCall call)
    {
        public RejoinedCall Call => call;

        public Task Serving { get; set; } = Task.CompletedTask;
    }
}
