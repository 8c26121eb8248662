using System.Diagnostics.Metrics;
using Pollard.Agent.Logs;
using Pollard.Agent.Owner;

namespace Pollard.Agent.Pipeline;

/// <summary>Counts what passes the stages of a pipeline, for its owner and as metrics. All members may be called from any thread.</summary>
internal sealed class PipelineFigures : IDisposable
{
    private readonly Meter _meter = new(AgentMeter.Name);
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Counter<long> _outcomes;
    private long _failed;
    private long _dropped;
    private long _lookedAt;
    private AgentTasks _window;

    /// <param name="time">The clock.</param>
    /// <param name="depths">What each stage holds: questions that are open, tasks that wait, results that wait.</param>
    /// <param name="open">Requests that are open.</param>
    public PipelineFigures(
        TimeProvider time,
        (Func<int> Fetch, Func<int> Process, Func<int> Deliver) depths,
        Func<int> open
    )
    {
        _time = time;
        _lookedAt = time.GetTimestamp();
        var waits = _meter.CreateHistogram<double>(
            "pollard.agent.stage.wait",
            "s",
            "How long a task waited in front of a stage; for fetch, for the server's answer"
        );
        var items = _meter.CreateCounter<long>("pollard.agent.stage.items", "{task}", "Tasks that passed a stage");
        Fetch = new StageFigures("fetch", depths.Fetch, waits, items);
        Process = new StageFigures("process", depths.Process, waits, items);
        Deliver = new StageFigures("deliver", depths.Deliver, waits, items);
        StageFigures[] all = [Fetch, Process, Deliver];
        _meter.CreateObservableGauge(
            "pollard.agent.stage.depth",
            () => all.Select(static stage => new Measurement<int>(stage.Depth, stage.Tag)),
            "{task}",
            "Tasks in front of a stage"
        );
        _meter.CreateObservableGauge("pollard.agent.requests.open", open, "{request}", "Requests to the server");
        _outcomes = _meter.CreateCounter<long>("pollard.agent.tasks", "{task}", "Tasks that did not end well");
        _window = View(TimeSpan.Zero);
    }

    /// <summary>Tasks that come from the server.</summary>
    public StageFigures Fetch { get; }

    /// <summary>Tasks that are run.</summary>
    public StageFigures Process { get; }

    /// <summary>Results that the server has.</summary>
    public StageFigures Deliver { get; }

    /// <summary>A task was run and failed; that is its result.</summary>
    public void Failed() => Count(ref _failed, "failed");

    /// <summary>A result was given up: the server will never take it.</summary>
    public void Dropped() => Count(ref _dropped, "dropped");

    /// <summary>Counts so far, with rates and waits of the last whole window.</summary>
    public AgentTasks Look()
    {
        lock (_gate)
        {
            return View(TimeSpan.Zero) with
            {
                Fetch = Live(Fetch, _window.Fetch),
                Process = Live(Process, _window.Process),
                Deliver = Live(Deliver, _window.Deliver),
            };
        }
    }

    /// <summary>Ends a window and begins the next.</summary>
    public AgentTasks Turn()
    {
        lock (_gate)
        {
            var length = _time.GetElapsedTime(_lookedAt);
            _lookedAt = _time.GetTimestamp();
            return _window = View(length);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static AgentStage Live(StageFigures stage, AgentStage window) => window with { Depth = stage.Depth };

    private AgentTasks View(TimeSpan window) =>
        new()
        {
            Fetched = Fetch.Count,
            Processed = Process.Count,
            Delivered = Deliver.Count,
            Failed = Volatile.Read(ref _failed),
            Dropped = Volatile.Read(ref _dropped),
            Fetch = Fetch.Window(window),
            Process = Process.Window(window),
            Deliver = Deliver.Window(window),
        };

    private void Count(ref long counter, string outcome)
    {
        Interlocked.Increment(ref counter);
        _outcomes.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
    }
}

/// <summary>One stage: what waits in front of it, how long, and how much of it passes.</summary>
internal sealed class StageFigures(string name, Func<int> depth, Histogram<double> waits, Counter<long> items)
{
    private readonly Lock _gate = new();
    private long _count;
    private long _counted;
    private TimeSpan _waited;

    /// <summary>The stage's name, as metrics have it.</summary>
    public KeyValuePair<string, object?> Tag { get; } = new("stage", name);

    /// <summary>What waits now.</summary>
    public int Depth => depth();

    /// <summary>What has passed so far.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>One more passes, that waited so long.</summary>
    public void Pass(TimeSpan waited)
    {
        lock (_gate)
        {
            _count++;
            _waited += waited;
        }

        items.Add(1, Tag);
        waits.Record(waited.TotalSeconds, Tag);
    }

    /// <summary>What passed since the last window's end; zero length only looks.</summary>
    public AgentStage Window(TimeSpan length)
    {
        lock (_gate)
        {
            if (length <= TimeSpan.Zero)
            {
                return new AgentStage(Depth, 0, 0);
            }

            var passed = _count - _counted;
            var wait = passed == 0 ? 0 : _waited.TotalSeconds / passed;
            (_counted, _waited) = (_count, TimeSpan.Zero);
            return new AgentStage(Depth, Math.Round(wait, 3), Math.Round(passed / length.TotalSeconds, 2));
        }
    }
}
