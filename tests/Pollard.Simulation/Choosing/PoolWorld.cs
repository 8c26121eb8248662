using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Protocol.Api;
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
    private readonly FakeTimeProvider _clock = new(Begins);
    private readonly PriorityQueue<Action, (double At, long Order)> _events = new();
    private readonly Dictionary<TaskId, Job> _jobs = [];
    private readonly SimulationScheduler _scheduler;
    private long _order;

    /// <param name="seed">Decides what chance decides.</param>
    /// <param name="assembler">Makes results of answers; null: nobody reads them.</param>
    public PoolWorld(int seed, IResultAssembler? assembler = null)
    {
        Random = new Random(seed);
        _scheduler = new SimulationScheduler(Random);
        Store = new MemoryTaskStore(_clock);
        Engine = Do(() =>
            TaskEngine.StartAsync(
                Store,
                assembler ?? new NoOutput(),
                new ScriptedReview(),
                new TaskEngineOptions { MaxAttempts = 100 },
                _clock,
                Random,
                NullLogger<TaskEngine>.Instance,
                CancellationToken.None
            )
        );
    }

    /// <summary>The moment of the start.</summary>
    public static DateTimeOffset Begins { get; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public MemoryTaskStore Store { get; }

    public TimeProvider Clock => _clock;

    public TaskEngine Engine { get; }

    public Random Random { get; }

    /// <summary>Seconds since the start.</summary>
    public double Now { get; private set; }

    /// <summary>All that was asked for, in order.</summary>
    public List<Job> Jobs { get; } = [];

    public PoolHost Add(string id, Power power, params string[] models) => Add(TrustTier.Own, id, power, models);

    public PoolHost Add(TrustTier tier, string id, Power power, params string[] models) =>
        Do(() => Task.FromResult(new PoolHost(this, id, power, tier, models.Length == 0 ? ["m"] : models)));

    /// <summary>Does something later.</summary>
    public void After(double seconds, Action happens) => _events.Enqueue(happens, (Now + seconds, _order++));

    /// <summary>A client asks at its time.</summary>
    public void Submit(Job job) => After(Math.Max(job.At - Now, 0), () => SubmitNow(job));

    /// <summary>Lets the time pass up to <paramref name="until"/> seconds, or until nothing is left to happen.</summary>
    public void Run(double until = double.PositiveInfinity) =>
        Do(() =>
        {
            while (_events.TryPeek(out _, out var next) && next.At <= until)
            {
                Turn(next.At);
                _events.Dequeue()();
                _scheduler.Drain();
            }

            return Task.FromResult(true);
        });

    /// <summary>The job of which an attempt is a try; audits have one too, that no client asked for.</summary>
    public Job JobOf(Attempt attempt) =>
        _jobs.TryGetValue(attempt.TaskId, out var job)
            ? job
            : _jobs[attempt.TaskId] = new Job(attempt.Task.Row.Owner, attempt.Model, attempt.Request.Length, 20, Now);

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
                    Request = job.Request ?? new byte[job.RequestBytes],
                    Prefixes = job.Prefixes,
                    Continuations = job.Continuations,
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

    /// <summary>Does something of the gateway's at once; it may wait for nothing else.</summary>
    public T Do<T>(Func<Task<T>> run)
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
            Messages.Finish finish,
            BodyFacts? body
        ) => "{}"u8.ToArray();
    }
}
