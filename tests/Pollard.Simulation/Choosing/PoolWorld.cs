using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Simulation.Choosing;

/// <summary>A pool at work in virtual time: what happens is decided by the seed, and hours of it pass in a moment.</summary>
internal sealed class PoolWorld
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly PriorityQueue<Action, (double At, long Order)> _events = new();
    private readonly Dictionary<TaskId, Job> _jobs = [];
    private readonly SimulationScheduler _scheduler;
    private readonly List<PoolHost> _hosts = [];
    private long _order;

    public PoolWorld(int seed)
    {
        Random = new Random(seed);
        _scheduler = new SimulationScheduler(Random);
        Engine = InScheduler(() =>
            TaskEngine.StartAsync(
                new MemoryTaskStore(_clock),
                new NoOutput(),
                new ScriptedReview(),
                new TaskEngineOptions { MaxAttempts = 100 },
                _clock,
                Random,
                NullLogger<TaskEngine>.Instance,
                CancellationToken.None
            )
        );
    }

    public TaskEngine Engine { get; }

    public Random Random { get; }

    /// <summary>Seconds since the start.</summary>
    public double Now { get; private set; }

    /// <summary>All that was asked for, in order.</summary>
    public List<Job> Jobs { get; } = [];

    public PoolHost Add(string id, Power power, params string[] models) => AddOf(owner: null, id, power, models);

    public PoolHost AddOf(string? owner, string id, Power power, params string[] models)
    {
        var host = InScheduler(() =>
            Task.FromResult(new PoolHost(this, id, power, owner, models.Length == 0 ? ["m"] : models))
        );
        _hosts.Add(host);
        return host;
    }

    /// <summary>Does something later.</summary>
    public void After(double seconds, Action happens) => _events.Enqueue(happens, (Now + seconds, _order++));

    /// <summary>A client asks at its time.</summary>
    public void Submit(Job job) => After(Math.Max(job.At - Now, 0), () => SubmitNow(job));

    /// <summary>Lets the time pass up to <paramref name="until"/> seconds, or until nothing is left to happen.</summary>
    public void Run(double until = double.PositiveInfinity) =>
        InScheduler(() =>
        {
            while (_events.TryPeek(out _, out var next) && next.At <= until)
            {
                Turn(next.At);
                _events.Dequeue()();
                _scheduler.Drain();
            }

            return Task.FromResult(true);
        });

    public Job JobOf(Attempt attempt) => _jobs[attempt.TaskId];

    public void IsDone(Job job, string host)
    {
        job.DoneAt = Now;
        job.DoneBy = host;
        job.Done?.Invoke();
    }

    private void SubmitNow(Job job)
    {
        var submitted = Engine
            .SubmitAsync(
                new NewTask
                {
                    Owner = job.Owner,
                    Kind = "chat",
                    Model = job.Model,
                    Request = new byte[job.RequestBytes],
                    Prefixes = job.Prefixes,
                    Durability = Durability.Relaxed,
                },
                CancellationToken.None
            )
            .AsTask();
        _jobs.Add(ResultOf(submitted).Task!.Row.Id, job);
        Jobs.Add(job);
    }

    // Retries and other timers of the engine have their time in between.
    private void Turn(double to)
    {
        while (Now < to)
        {
            var step = Math.Min(to - Now, 1);
            _clock.Advance(TimeSpan.FromSeconds(step));
            Now = Math.Min(Now + step, to);
            _scheduler.Drain();
        }
    }

    private T InScheduler<T>(Func<Task<T>> run)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(_scheduler);
        try
        {
            var task = run();
            _scheduler.Drain();
            return ResultOf(task);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private static T ResultOf<T>(Task<T> task)
    {
        Assert.True(task.IsCompletedSuccessfully, task.Exception?.ToString() ?? "It waits for something else.");
#pragma warning disable VSTHRD002 // It has completed.
        return task.Result;
#pragma warning restore VSTHRD002
    }

    /// <summary>Nobody reads the answers here.</summary>
    private sealed class NoOutput : IResultAssembler
    {
        public ReadOnlyMemory<byte> Assemble(
            TaskRow row,
            string publicId,
            IReadOnlyList<TaskEvent> output,
            Messages.Finish finish
        ) => "{}"u8.ToArray();
    }
}
