using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Tasks.Tests.Support;

/// <summary>An engine over a store in memory, with a clock that the test turns.</summary>
internal sealed class TestEngine : IAsyncDisposable
{
    private TestEngine(TaskEngine engine, MemoryTaskStore store, FakeTimeProvider clock, ScriptedReview review)
    {
        Engine = engine;
        Store = store;
        Clock = clock;
        Review = review;
    }

    public ScriptedReview Review { get; }

    public TaskEngine Engine { get; }

    public MemoryTaskStore Store { get; }

    public FakeTimeProvider Clock { get; }

    public static async Task<TestEngine> StartAsync(
        MemoryTaskStore? store = null,
        FakeTimeProvider? clock = null,
        TaskEngineOptions? options = null,
        ScriptedReview? review = null
    )
    {
        clock ??= new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        store ??= new MemoryTaskStore(clock);
        var engine = await TaskEngine.StartAsync(
            store,
            new JoinedOutput(),
            review ??= new ScriptedReview(),
            options ?? new TaskEngineOptions(),
            clock,
            new Random(1),
            NullLogger<TaskEngine>.Instance,
            TestContext.Current.CancellationToken
        );
        return new TestEngine(engine, store, clock, review);
    }

    /// <summary>The gateway dies and starts again over what was committed.</summary>
    public Task<TestEngine> CrashAndRestartAsync() => StartAsync(Store.Crash(), Clock, review: Review);

    public async Task<TaskHandle> SubmitAsync(
        string model = "m",
        string owner = "",
        Durability durability = Durability.Relaxed,
        int priority = 0,
        Func<NewTask, NewTask>? with = null
    )
    {
        var task = new NewTask
        {
            Owner = owner,
            Kind = "chat",
            Model = model,
            Request = Encoding.UTF8.GetBytes("""{"messages":[]}"""),
            Durability = durability,
            Priority = priority,
        };
        var submission = await Engine.SubmitAsync(with?.Invoke(task) ?? task, TestContext.Current.CancellationToken);
        Assert.Equal(SubmitOutcome.Accepted, submission.Outcome);
        return submission.Task!;
    }

    public static async Task<TaskRow> EndAsync(TaskHandle task) =>
        await task.WaitAsync(Timeout.InfiniteTimeSpan, TestContext.Current.CancellationToken);

    public static async Task<string> ResultAsync(TaskHandle task)
    {
        await EndAsync(task);
        var result = await task.ReadResultAsync(TestContext.Current.CancellationToken);
        return Encoding.UTF8.GetString(result!.Value.Span);
    }

    /// <summary>Every event up to the end.</summary>
    public static async Task<List<TaskEvent>> EventsAsync(TaskHandle task, int after = -1)
    {
        var events = new List<TaskEvent>();
        var reader = task.ReadEvents(after);
        do
        {
            while (reader.TryRead(out var next))
            {
                events.Add(next);
            }
        } while (
            await reader.WaitAsync(Timeout.InfiniteTimeSpan, TestContext.Current.CancellationToken) == EventWait.Ready
        );

        return events;
    }

    public async ValueTask DisposeAsync() => await Engine.DisposeAsync();

    /// <summary>The text of the answer as it is.</summary>
    private sealed class JoinedOutput : IResultAssembler
    {
        public ReadOnlyMemory<byte> Assemble(
            TaskRow row,
            string publicId,
            IReadOnlyList<TaskEvent> output,
            Messages.Finish finish,
            BodyFacts? body
        ) =>
            output
                .Where(static item => item.Type == TaskEventType.Delta)
                .SelectMany(static item => item.Data.ToArray())
                .ToArray();
    }
}
