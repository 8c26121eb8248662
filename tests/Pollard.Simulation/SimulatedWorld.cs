using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;
using Pollard.Tasks.Validation;
using Pollard.Testing;

namespace Pollard.Simulation;

/// <summary>
/// A gateway's engine, its disk, three hosts and some clients, all driven by one seed. At every step something happens or breaks;
/// what clients were told is noted, and must stay true. In the end everything heals, and everything must end.
/// </summary>
internal sealed class SimulatedWorld
{
    private static readonly string[] Owners = ["ann", "bob"];
    private static readonly string[] Models = ["small", "large"];
    private readonly Random _random;
    private readonly SimulationScheduler _scheduler;
    private readonly JumpingClock _clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly SimulatedHost[] _hosts;
    private readonly Dictionary<TaskId, Told> _told = [];
    private readonly Dictionary<string, TaskId> _keys = new(StringComparer.Ordinal);
    private readonly BegunWork _begun;
    private MemoryTaskStore _store;
    private TaskEngine? _engine;
    private int _submitted;

    public SimulatedWorld(int seed)
    {
        _random = new Random(seed);
        _scheduler = new SimulationScheduler(_random);
        _store = new MemoryTaskStore(_clock, MemoryCommits.ByHand);
        _begun = new BegunWork(
            attempt => _hosts!.Single(host => host.Id == attempt.HostId).Resumes(attempt.Model),
            _clock
        );
        _hosts =
        [
            new SimulatedHost("a", 1, ["small"], [], _random) { Offered = _begun.NoteOffer },
            new SimulatedHost("b", 2, ["small", "large"], ["large"], _random) { Offered = _begun.NoteOffer },
            new SimulatedHost("c", 3, ["large"], ["large"], _random) { Offered = _begun.NoteOffer },
        ];
    }

    /// <summary>What happened, for a failing seed.</summary>
    public List<string> Trace { get; } = [];

    /// <summary>How often an answer was found to have been gone on with by another host.</summary>
    public int Continued { get; private set; }

    /// <summary>Hosts that were found out to give an answer anew which then came to a good end elsewhere.</summary>
    public int FoundOut { get; private set; }

    public void Run(int steps)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(_scheduler);
        try
        {
            StartGateway();
            for (var i = 0; i < steps; i++)
            {
                Step();
                _begun.Look();
            }

            Heal();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private void Step()
    {
        var host = _hosts[_random.Next(_hosts.Length)];
        switch (_random.Next(100))
        {
            case < 40:
                host.Step();
                break;
            case < 60:
                _scheduler.Step();
                break;
            case < 72:
                _store.CommitPending(_random.Next(1, 6));
                break;
            case < 80:
                Do(SubmitAsync());
                break;
            case < 81:
                Do(CancelAsync());
                break;
            case < 82:
                Do(GiveInputAsync());
                break;
            case < 88:
                Do(ReadAsync());
                break;
            case < 94:
                _clock.Advance(TimeSpan.FromMilliseconds(_random.Next(1, 3_000)));
                break;
            case < 96:
                Trace.Add($"link of {host.Id} breaks");
                host.BreakLink(gatewayNotices: _random.Next(2) == 0);
                break;
            case 96 when _random.Next(3) == 0:
                Trace.Add($"host {host.Id} dies");
                host.Die();
                break;
            case 97 when _random.Next(3) == 0:
                CrashGateway();
                break;
            case 98 when _random.Next(4) == 0:
                JumpInTime();
                break;
            default:
                if (!host.IsConnected)
                {
                    Trace.Add($"host {host.Id} connects");
                    host.Connect(_engine!);
                }

                break;
        }
    }

    private void JumpInTime()
    {
        if (_random.Next(2) == 0)
        {
            Trace.Add("time passes while everything sleeps");
            _clock.Advance(TimeSpan.FromMinutes(_random.Next(1, 20)));
        }
        else
        {
            _clock.WallOffset = TimeSpan.FromMinutes(_random.Next(-60, 60));
            Trace.Add($"the wall clock is set, {_clock.WallOffset} off");
        }
    }

    private void StartGateway()
    {
        var start = TaskEngine.StartAsync(
            _store,
            new JoinedOutput(),
            new ScriptedReview { Judge = JudgeAsync },
            new TaskEngineOptions { MaxAttempts = 3, HedgeShare = 0.5 },
            _clock,
            _random,
            NullLogger<TaskEngine>.Instance,
            CancellationToken.None
        );
        _scheduler.Drain();
        Assert.True(start.IsCompletedSuccessfully, start.Exception?.ToString() ?? "The engine does not start.");
#pragma warning disable VSTHRD002 // It has completed.
        _engine = start.Result;
#pragma warning restore VSTHRD002
        _engine.LimitOwner(Owners[0], 2);
    }

    // Checks take a while, fail now and then, and are hard to please.
    private async Task<IReadOnlyList<Verdict>> JudgeAsync(ReviewedAnswer answer, CancellationToken ct)
    {
        if (_random.Next(3) == 0)
        {
            await Task.Delay(TimeSpan.FromSeconds(_random.Next(1, 30)), _clock, ct);
        }

        return _random.Next(10) == 0
            ? throw new ReviewException("the check's program is away")
            : ScriptedReview.Says(_random.Next(2) == 0, "not good enough");
    }

    private async Task GiveInputAsync()
    {
        var engine = _engine!;
        try
        {
            if (await AnyAsync() is { Row.Stage: TaskStage.InputNeeded } task)
            {
                var input = new TaskInput((InputAction)_random.Next(3), "a person says so");
                if (
                    await engine.GiveInputAsync(task, input, CancellationToken.None) && ReferenceEquals(engine, _engine)
                )
                {
                    Trace.Add($"{task.Row.Id} input {input.Action}");
                    Note(task);
                }
            }
        }
        catch (StoreException)
        {
            // The person was told that it is not done yet: it may hold or not.
        }
    }

    private ValidationPlan? Plan() =>
        _random.Next(3) == 0
            ? ScriptedReview.Plan(_random.Next(1, 4), _random.Next(2) == 0 ? 2 : null) with
            {
                InputTimeout = 100,
            }
            : null;

    private void CrashGateway()
    {
        Trace.Add("gateway dies");
        foreach (var host in _hosts)
        {
            host.BreakLink(gatewayNotices: false);
        }

        _store = _store.Crash();
        _begun.Forget();
        StartGateway();
    }

    private async Task SubmitAsync()
    {
        var key = _random.Next(4) == 0 ? $"key-{_random.Next(20)}" : null;
        var durable = key is not null || _random.Next(4) != 0;
        var number = key is null ? _submitted++ : 0;
        var engine = _engine!;
        var submission = await engine.SubmitAsync(
            new NewTask
            {
                Owner = Owners[_random.Next(Owners.Length)],
                Kind = "chat",
                Model = key is null ? Models[_random.Next(Models.Length)] : Models[0],
                Request = Encoding.UTF8.GetBytes($"{number}"),
                Priority = _random.Next(-5, 6),
                Durability = durable ? Durability.Full : Durability.Relaxed,
                Stream = _random.Next(2) == 0,
                LostOutput = (LostOutput)_random.Next(2),
                Continuations = _random.Next(3) == 0 ? Continuations.None : Continuations.Prefill,
                IdempotencyKey = key,
                Validation = key is null && durable ? Plan() : null,
            },
            CancellationToken.None
        );
        if (submission is { Outcome: SubmitOutcome.Accepted or SubmitOutcome.Existing, Task: { } task } && durable)
        {
            Trace.Add($"{task.Row.Id} {submission.Outcome} {key}");
            _told.TryAdd(task.Row.Id, new Told());
            if (key is not null)
            {
                var mine = $"{task.Row.Owner}/{key}";
                Assert.True(
                    _keys.TryAdd(mine, task.Row.Id) || _keys[mine] == task.Row.Id,
                    $"The key {mine} made two tasks."
                );
            }
        }
    }

    private async Task CancelAsync()
    {
        var engine = _engine!;
        try
        {
            if (
                await AnyAsync() is { } task
                && await engine.CancelAsync(task, "enough", CancellationToken.None)
                && ReferenceEquals(engine, _engine)
            )
            {
                Trace.Add($"{task.Row.Id} cancelled");
                Note(task);
            }
        }
        catch (StoreException)
        {
            // The client was told that it is not done yet: it may hold or not.
        }
    }

    // A client asks for a task that was acknowledged, and reads some of its log: what it saw before must be there.
    private async Task ReadAsync()
    {
        var engine = _engine;
        if (await AnyAsync() is not { } task || !ReferenceEquals(engine, _engine))
        {
            return; // The gateway died under the question.
        }

        Note(task);
        await NoteEventsAsync(task);
        await NoteResultAsync(task);
    }

    private async Task<TaskHandle?> AnyAsync()
    {
        if (_told.Count == 0)
        {
            return null;
        }

        var id = _told.Keys.ElementAt(_random.Next(_told.Count));
        var engine = _engine!;
        var found = await engine.FindAsync(id, null, CancellationToken.None);
        Assert.True(found is not null || !ReferenceEquals(engine, _engine), $"The acknowledged task {id} is lost.");
        return found;
    }

    private void Note(TaskHandle task)
    {
        var row = task.Row;
        var told = _told[row.Id];
        Assert.True(row.Fence >= told.Fence || !row.IsFinal, $"The fence of {row.Id} went back.");
        told.Fence = Math.Max(told.Fence, row.IsFinal ? row.Fence : 0);
        if (told.End is { } end)
        {
            Assert.True(row.State == end, $"{row.Id} had ended as {end} and is {row.State} now.");
        }
        else if (row.IsFinal)
        {
            told.End = row.State;
        }

        Assert.InRange(row.Attempt, 0, row.MaxAttempts);
    }

    private async Task NoteEventsAsync(TaskHandle task)
    {
        var told = _told[task.Row.Id];
        var reader = task.ReadEvents(_random.Next(3) == 0 ? told.Events.Count - 1 : -1);
        while (await reader.WaitAsync(TimeSpan.Zero, CancellationToken.None) == EventWait.Ready)
        {
            while (reader.TryRead(out var next))
            {
                var text = $"{next.Type} {Encoding.UTF8.GetString(next.Data.Span)}";
                Assert.True(next.Seq <= told.Events.Count, $"{task.Row.Id} skipped an event before {next.Seq}.");
                if (next.Seq == told.Events.Count)
                {
                    told.Events.Add(text);
                }

                Assert.Equal(told.Events[next.Seq], text);
            }
        }
    }

    private async Task NoteResultAsync(TaskHandle task)
    {
        if (task.Row.State != TaskState.Completed)
        {
            return;
        }

        var told = _told[task.Row.Id];
        var result = await task.ReadResultAsync(CancellationToken.None);
        Assert.True(result is not null, $"{task.Row.Id} completed and has no result.");
        var text = Encoding.UTF8.GetString(result.Value.Span);
        told.Result ??= text;
        Assert.Equal(told.Result, text);

        // Every piece is there and in its place, and it is what readers saw: of one host, or of others that went on with it.
        var pieces = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < pieces.Length; i++)
        {
            Assert.EndsWith($".{i}", pieces[i], StringComparison.Ordinal);
        }

        if (told.Events.Count == task.Row.EventCount)
        {
            var (shown, hosts) = Shown(told.Events);
            Assert.Equal(shown, text);
            Assert.InRange(pieces.Select(static piece => piece.Split('.')[0]).Distinct().Count(), 0, hosts);
            Continued += hosts > 1 ? 1 : 0;
            FoundOut += told.Events.Count(static item => item.Contains("\"started_over\"", StringComparison.Ordinal));
        }
    }

    // What somebody has seen who read along from the last beginning, and how many hosts it may come from.
    private static (string Text, int Hosts) Shown(List<string> events)
    {
        var first = events.FindLastIndex(static item => item.StartsWith("Leased ", StringComparison.Ordinal));
        var later = events.Skip(first + 1).ToArray();
        return (
            string.Concat(
                later
                    .Where(static item => item.StartsWith("Delta ", StringComparison.Ordinal))
                    .Select(item => item[6..])
            ),
            1 + later.Count(static item => item.StartsWith("Continued ", StringComparison.Ordinal))
        );
    }

    // No more faults: everybody is there and does its work. Whatever was acknowledged must end.
    private void Heal()
    {
        Trace.Add("heal");
        _clock.WallOffset = TimeSpan.Zero;
        for (var round = 0; round < 4_000; round++)
        {
            foreach (var host in _hosts)
            {
                if (!host.IsConnected)
                {
                    host.Connect(_engine!);
                }

                for (var i = 0; i < 6; i++)
                {
                    host.Step();
                }
            }

            _store.CommitPending();
            _scheduler.Drain();
            _begun.Look();
            _clock.Advance(TimeSpan.FromMilliseconds(round < 3_000 ? 100 : 4_000)); // A person has time until a moment by the wall clock.
            if (round % 50 == 0 && AllEnded())
            {
                return;
            }

            Do(Task.CompletedTask); // Tells what the clients found wrong.
        }

        Assert.Fail($"Acknowledged tasks do not end: {string.Join(", ", NotEnded())}");
    }

    // Looks once at each and then asks whether that was the end of all: to look takes time, which passes between the rounds.
    private bool AllEnded()
    {
        if (NotEnded().Any())
        {
            foreach (var id in NotEnded().Where(id => !_told[id].IsLookedAt).ToArray())
            {
                _told[id].IsLookedAt = true;
                Do(CheckAsync(id));
            }

            return false;
        }

        return true;

        async Task CheckAsync(TaskId id)
        {
            var found = await _engine!.FindAsync(id, null, CancellationToken.None);
            Assert.True(found is not null, $"The acknowledged task {id} is lost.");
            Note(found);
            await NoteEventsAsync(found);
            await NoteResultAsync(found);
            _told[id].IsWhole = found.Row.IsFinal;
            _told[id].IsLookedAt = false;
        }
    }

    private IEnumerable<TaskId> NotEnded() =>
        _told.Where(static told => !told.Value.IsWhole).Select(static told => told.Key);

    private readonly List<Task> _doing = [];

    // What a client does goes on over later steps; what it finds wrong is told at the next.
    private void Do(Task doing)
    {
        _doing.Add(doing);
        foreach (var done in _doing.Where(static task => task.IsCompleted).ToArray())
        {
            _doing.Remove(done);
            if (done.Exception is { } wrong)
            {
                throw wrong.InnerExceptions[0];
            }
        }
    }

    private sealed class Told
    {
        public TaskState? End { get; set; }

        /// <summary>It has ended, and all that there is of it was read after that.</summary>
        public bool IsWhole { get; set; }

        public bool IsLookedAt { get; set; }

        public string? Result { get; set; }

        public long Fence { get; set; }

        public List<string> Events { get; } = [];
    }

    private sealed class JoinedOutput : IResultAssembler
    {
        public ReadOnlyMemory<byte> Assemble(
            TaskRow row,
            string publicId,
            IReadOnlyList<TaskEvent> output,
            Messages.Finish finish,
            BodyFacts? body
        ) => output.SelectMany(static item => item.Data.ToArray()).ToArray();
    }
}
