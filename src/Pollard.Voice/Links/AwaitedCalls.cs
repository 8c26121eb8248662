using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links;

/// <summary>
/// A neighbour to which calls are brought by its coming for them: it calls, and says which call it wants. Whoever comes first waits for the
/// other.
/// </summary>
internal sealed partial class AwaitedCalls : ICallTarget
{
    private const int MostCalls = 4_000;
    private readonly Dictionary<CallId, Awaited> _calls = [];
    private readonly IReadOnlyList<ICallSource> _sources;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();

    /// <param name="sources">How it comes.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public AwaitedCalls(IReadOnlyList<ICallSource> sources, TimeProvider time, ILogger logger) =>
        (_sources, _time, _logger) = (sources, time, logger);

    /// <inheritdoc/>
    public ICallLink Open(CallId call)
    {
        lock (_gate)
        {
            if (!_calls.TryGetValue(call, out var awaited) || (awaited.Call.IsOver && !awaited.IsOpen))
            {
                awaited = _calls[call] = new Awaited(this, new RejoinedCall(call, _time.GetUtcNow()));
            }

            if (awaited.IsOpen)
            {
                throw new InvalidOperationException($"Call {call} is open already.");
            }

            awaited.IsOpen = true;
            return awaited;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<LinkStatus> Look() => [.. _sources.SelectMany(static source => source.Look())];

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken ct) => Task.WhenAll(_sources.Select(source => TakeAsync(source, ct)));

    private async Task TakeAsync(ICallSource source, CancellationToken ct)
    {
        var running = source.RunAsync(ct);
        await foreach (var link in source.Came.ReadAllAsync(CancellationToken.None)) // It ends with the source.
        {
            if (!TryTake(link))
            {
                LogFull(_logger, link.Call);
                link.Close();
            }
        }

        await running;
    }

    private bool TryTake(ICallLink link)
    {
        lock (_gate)
        {
            if (_calls.TryGetValue(link.Call, out var known) && known.TryTake(link))
            {
                return true;
            }

            foreach (var gone in _calls.Values.Where(static one => !one.IsOpen && one.Call.IsOver).ToList())
            {
                _calls.Remove(gone.Call.Call); // It waited for a call that nobody brought, and has left.
            }

            if (_calls.Count >= MostCalls || _calls.ContainsKey(link.Call))
            {
                return false;
            }

            var early = new Awaited(this, new RejoinedCall(link.Call, _time.GetUtcNow()));
            early.Call.TryAttach(link);
            _calls[link.Call] = early;
            return true;
        }
    }

    private void Forget(Awaited call)
    {
        lock (_gate)
        {
            if (!_calls.TryGetValue(call.Call.Call, out var known) || known != call)
            {
                return;
            }

            _calls.Remove(call.Call.Call);
            if (call.Next is { IsOver: false } next)
            {
                TryTake(next);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Call {Call} is waited for by one too many")]
    private static partial void LogFull(ILogger logger, CallId call);

    /// <summary>A call that was brought, or come for, or both.</summary>
    private sealed class Awaited(AwaitedCalls calls, RejoinedCall call) : ICallLink
    {
        public RejoinedCall Call => call;

        /// <summary>Whether it was brought.</summary>
        public bool IsOpen { get; set; }

        /// <summary>Who has come for the next call under this id, while this one is not closed yet; null: nobody.</summary>
        public ICallLink? Next { get; private set; }

        CallId ICallLink.Call => call.Call;

        public bool IsOver => call.IsOver;

        public ChannelReader<LinkFrame> Incoming => call.Incoming;

        public bool TrySend(in LinkFrame frame) => call.TrySend(frame);

        public bool TryTake(ICallLink link)
        {
            if (call.TryAttach(link))
            {
                return true;
            }

            if (IsOpen)
            {
                Next?.Close();
                Next = link;
            }

            return IsOpen;
        }

        public void Close()
        {
            call.Close();
            calls.Forget(this);
        }
    }
}
