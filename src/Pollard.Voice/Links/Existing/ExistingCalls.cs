using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links.Existing;

/// <summary>The calls of one kind of link that there are, each by itself.</summary>
/// <param name="name">The link's name.</param>
/// <param name="logger">The log.</param>
internal sealed partial class ExistingCalls(string name, ILogger logger)
{
    private const int MostCalls = 1_000;
    private readonly Lock _gate = new();
    private readonly Dictionary<CallId, (ExistingCall Call, Task Running)> _calls = [];
    private readonly Channel<ICallLink> _came = Channel.CreateBounded<ICallLink>(MostCalls);
    private bool _isOver;

    /// <summary>Those that were brought.</summary>
    public ChannelReader<ICallLink> Came => _came.Reader;

    /// <summary>The one of an id that is not over; null: there is none.</summary>
    public ExistingCall? Find(CallId call)
    {
        lock (_gate)
        {
            return _calls.TryGetValue(call, out var known) && !known.Call.IsOver ? known.Call : null;
        }
    }

    /// <summary>Begins a call, and keeps it until it is over.</summary>
    /// <param name="call">Its id.</param>
    /// <param name="make">Makes its link.</param>
    /// <exception cref="InvalidOperationException">There is one under this id, or there are too many.</exception>
    public ExistingCall Begin(CallId call, Func<ExistingCall> make)
    {
        lock (_gate)
        {
            if (_isOver || _calls.Count >= MostCalls)
            {
                throw new InvalidOperationException(
                    $"Call {call} cannot be on {name}: there are {_calls.Count}, or it ends."
                );
            }

            _calls.TryGetValue(call, out var known);
            if (known.Call is { IsOver: false })
            {
                throw new InvalidOperationException($"Call {call} is on {name} already.");
            }

            var begun = make();
            var before = known.Running ?? Task.CompletedTask;
            _calls[call] = (begun, Task.Run(() => RunAsync(begun, before), CancellationToken.None));
            return begun;
        }
    }

    /// <summary>Begins a call that a neighbour has brought.</summary>
    /// <inheritdoc cref="Begin"/>
    public ExistingCall Bring(CallId call, Func<ExistingCall> make)
    {
        var brought = Begin(call, make);
        if (!_came.Writer.TryWrite(brought))
        {
            brought.Close();
            throw new InvalidOperationException(
                $"Call {call} is one too many on {name}: {MostCalls} wait to be taken."
            );
        }

        return brought;
    }

    /// <summary>How the links are.</summary>
    public IReadOnlyList<LinkStatus> Look()
    {
        lock (_gate)
        {
            return [.. _calls.Values.Select(static one => one.Call.Look())];
        }
    }

    /// <summary>Ends all of them, and returns when they have ended.</summary>
    public async Task EndAsync()
    {
        List<(ExistingCall Call, Task Running)> calls;
        lock (_gate)
        {
            _isOver = true;
            calls = [.. _calls.Values];
        }

        calls.ForEach(static one => one.Call.Close());
        await Task.WhenAll(calls.Select(static one => one.Running));
        _came.Writer.TryComplete();
    }

    /// <summary>Runs a call beside the one before it under its id, which may be saying its last words.</summary>
    private async Task RunAsync(ExistingCall call, Task before)
    {
        try
        {
            await using (call)
            {
                await Task.WhenAll(call.RunAsync(), before);
            }
        }
        catch (Exception e)
        {
            LogBroken(logger, name, call.Call, e);
        }

        lock (_gate)
        {
            if (_calls.TryGetValue(call.Call, out var known) && known.Call == call)
            {
                _calls.Remove(call.Call);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Link} of call {Call} broke")]
    private static partial void LogBroken(ILogger logger, string link, CallId call, Exception exception);
}
