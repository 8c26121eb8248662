using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Pollard.Voice.Links;

/// <summary>Neighbours in one process: what one says the other hears, without a wire between them.</summary>
/// <param name="name">Which neighbours they are.</param>
/// <param name="time">The clock.</param>
internal sealed class MemoryLinks(string name, TimeProvider time) : ICallSource, ICallTarget
{
    private const int MostCalls = 2_000;
    private const int MostFrames = 2_500; // Of sound in pieces of 20 ms nearly a minute.
    private readonly ConcurrentDictionary<CallId, End> _calls = [];
    private readonly Channel<ICallLink> _came = Channel.CreateBounded<ICallLink>(MostCalls);

    /// <inheritdoc/>
    public ChannelReader<ICallLink> Came => _came.Reader;

    /// <inheritdoc/>
    public ICallLink Open(CallId call)
    {
        var (mine, theirs) = (NewEnd(call), NewEnd(call));
        (mine.Other, theirs.Other) = (theirs, mine);
        if (_calls.Count >= MostCalls || !_calls.TryAdd(call, mine))
        {
            throw new InvalidOperationException($"Call {call} is open already, or {MostCalls} others are.");
        }

        _came.Writer.TryWrite(theirs);
        return mine;
    }

    /// <inheritdoc/>
    public IReadOnlyList<LinkStatus> Look() =>
        [.. _calls.Values.Select(one => new LinkStatus(name, one.Call, LinkState.Up, null, one.Since, 0, 0))];

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken ct)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (ct.UnsafeRegister(static over => ((TaskCompletionSource)over!).SetResult(), over))
        {
            await over.Task;
        }

        foreach (var call in _calls.Values)
        {
            call.Close();
        }

        _came.Writer.TryComplete();
    }

    private End NewEnd(CallId call) => new(this, call, time.GetUtcNow());

    private sealed class End(MemoryLinks links, CallId call, DateTimeOffset since) : ICallLink
    {
        private readonly Channel<LinkFrame> _incoming = Channel.CreateBounded<LinkFrame>(MostFrames);

        private volatile bool _isOver;

        public CallId Call => call;

        public bool IsOver => _isOver;

        public DateTimeOffset Since => since;

        public End Other { get; set; } = null!; // Set before anybody has it.

        public ChannelReader<LinkFrame> Incoming => _incoming.Reader;

        public bool TrySend(in LinkFrame frame)
        {
            var isTaken = Other._incoming.Writer.TryWrite(frame with { Call = call });
            if (!isTaken)
            {
                LinkMetrics.Refused(links.Name);
            }

            return isTaken;
        }

        public void Close()
        {
            links.Forget(this);
            (_isOver, Other._isOver) = (true, true);
            _incoming.Writer.TryComplete();
            Other._incoming.Writer.TryComplete();
        }
    }

    private string Name => name;

    private void Forget(End end)
    {
        _calls.TryRemove(new KeyValuePair<CallId, End>(end.Call, end));
        _calls.TryRemove(new KeyValuePair<CallId, End>(end.Call, end.Other));
    }
}
