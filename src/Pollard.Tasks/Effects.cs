using System.Runtime.ExceptionServices;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;

namespace Pollard.Tasks;

/// <summary>
/// What a change makes happen outside, gathered under the engine's lock and done after it is left, in order: sinks and waiting
/// clients go on inline on this thread, and some of them come straight back into the engine.
/// </summary>
internal sealed class Effects
{
    [ThreadStatic]
    private static Effects? _spare;

    private readonly List<(Action<object, object?, long> Run, object Subject, object? Detail, long Number)> _list = [];

    public static Effects Rent()
    {
        var effects = _spare ?? new Effects();
        _spare = null;
        return effects;
    }

    public void Add(Action<object, object?, long> run, object subject, object? detail = null, long number = 0) =>
        _list.Add((run, subject, detail, number));

    public void Wake(Waiter? waiters)
    {
        if (waiters is not null)
        {
            Add(static (subject, _, _) => Waiter.WakeAll((Waiter)subject), waiters);
        }
    }

    public void Offer(Attempt attempt, IHostSink sink) =>
        Add(static (subject, detail, _) => ((IHostSink)detail!).Offer((Attempt)subject), attempt, sink);

    public void Cancel(Attempt attempt, IHostSink sink, string reason) =>
        Add(
            static (subject, detail, _) =>
            {
                var (to, why) = ((IHostSink, string))detail!;
                to.Cancel((Attempt)subject, why);
            },
            attempt,
            (sink, reason)
        );

    public void Fenced(Attempt attempt, IHostSink sink) =>
        Add(static (subject, detail, _) => ((IHostSink)detail!).Fenced((Attempt)subject), attempt, sink);

    public void Acknowledge(Attempt attempt, IHostSink sink, int nextSeq) =>
        Add(
            static (subject, detail, number) => ((IHostSink)detail!).Acknowledge((Attempt)subject, (int)number),
            attempt,
            sink,
            nextSeq
        );

    public void Credit(Attempt attempt, IHostSink sink, int bytes) =>
        Add(
            static (subject, detail, number) => ((IHostSink)detail!).Credit((Attempt)subject, (int)number),
            attempt,
            sink,
            bytes
        );

    public void Close(IHostSink sink, string code, string reason) =>
        Add(
            static (subject, detail, _) =>
            {
                var (what, why) = ((string, string))detail!;
                ((IHostSink)subject).Close(what, why);
            },
            sink,
            (code, reason)
        );

    /// <summary>Does what was gathered and gives the list back. One that throws, against its promise, does not keep the rest from being done.</summary>
    public void Run()
    {
        ExceptionDispatchInfo? failed = null;
        for (var i = 0; i < _list.Count; i++)
        {
            var (run, subject, detail, number) = _list[i];
            try
            {
                run(subject, detail, number);
            }
            catch (Exception e)
            {
                failed ??= ExceptionDispatchInfo.Capture(e);
            }
        }

        _list.Clear();
        _spare = this;
        failed?.Throw();
    }
}
