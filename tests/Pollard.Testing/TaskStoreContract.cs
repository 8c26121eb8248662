using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Testing;

/// <summary>What every store promises. Derived once a store.</summary>
public abstract class TaskStoreContract : IAsyncLifetime
{
    /// <summary>The store under test, open.</summary>
    protected ITaskStore Store { get; private set; } = null!;

    /// <summary>What it said when it was opened.</summary>
    protected StoreIdentity Identity { get; private set; } = null!;

    /// <summary>The clock of the store.</summary>
    protected SettableTime Time { get; } = new(StoreSamples.Start);

    /// <summary>The running test's token.</summary>
    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A new, empty store.</summary>
    protected abstract ITaskStore Make();

    /// <summary>The same data in a new store, as after a restart.</summary>
    protected abstract ValueTask<ITaskStore> RestartAsync(ITaskStore store);

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        Store = Make();
        Identity = await Store.OpenAsync(Token);
    }

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Opens the same data again.</summary>
    protected async Task RestartAsync()
    {
        Store = await RestartAsync(Store);
        Identity = await Store.OpenAsync(Token);
    }

    [Fact]
    public async Task Each_start_has_a_higher_epoch_and_the_same_id_key()
    {
        var first = Identity;

        await RestartAsync();

        Assert.Equal(1, first.Epoch);
        Assert.Equal(2, Identity.Epoch);
        Assert.Equal(16, first.IdKey.Length);
        Assert.Equal(first.IdKey.ToArray(), Identity.IdKey.ToArray());
    }

    [Fact]
    public async Task An_empty_store_has_no_newest_task_and_a_used_one_tells_it()
    {
        Assert.Equal(default, Identity.Newest);
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(7)));
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(5)));

        await RestartAsync();

        Assert.Equal(new TaskId(7), Identity.Newest);
    }

    [Fact]
    public async Task A_row_comes_back_as_it_was_written()
    {
        var plain = StoreSamples.Pending(1);
        var full = StoreSamples.Full(2);

        await Store.WriteAsync(StoreSamples.Insert(plain));
        await Store.WriteAsync(StoreSamples.Insert(full));
        await RestartAsync();

        Assert.Equal(StoreSamples.Show(plain), await FindAsync(1));
        Assert.Equal(StoreSamples.Show(full), await FindAsync(2));
        Assert.Equal("none", await FindAsync(3));
    }

    [Fact]
    public async Task A_task_is_found_by_its_name_and_no_other_gets_it()
    {
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(1) with { Name = "task_0123456789ab" }));

        var second = StoreSamples.Insert(StoreSamples.Pending(2) with { Name = "task_0123456789ab" });
        Assert.Equal(StoreOutcome.Conflict, await Store.WriteAsync(second));
        await RestartAsync();

        Assert.Equal(new TaskId(1), await Store.FindAsync("task_0123456789ab", Token));
        Assert.Null(await Store.FindAsync("task_", Token));
        Assert.Equal("none", await FindAsync(2));
    }

    [Fact]
    public async Task A_change_comes_back_as_it_was_written()
    {
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Full(1)));
        var changed = StoreSamples.Full(1) with
        {
            Version = 2,
            State = TaskState.Pending,
            Error = null,
            Usage = null,
            Host = null,
            RunAt = null,
            EndedAt = null,
            Retention = null,
            Stream = false,
        };

        var outcome = await Store.WriteAsync(StoreSamples.Change(changed));

        Assert.Equal(StoreOutcome.Committed, outcome);
        Assert.Equal(StoreSamples.Show(changed), await FindAsync(1));
    }

    [Fact]
    public async Task A_second_insert_of_the_same_id_is_a_conflict_and_changes_nothing()
    {
        var row = StoreSamples.Pending(1);
        await Store.WriteAsync(StoreSamples.Insert(row, "first"));

        var outcome = await Store.WriteAsync(
            StoreSamples.Insert(row with { Model = "other" }, "second", StoreSamples.Events(0, "x"))
        );

        Assert.Equal(StoreOutcome.Conflict, outcome);
        Assert.Equal(StoreSamples.Show(row), await FindAsync(1));
        Assert.Equal("first", await RequestAsync(1));
        Assert.Empty(await Store.ReadEventsAsync(row.Id, 0, 1_000, Token));
    }

    [Fact]
    public async Task A_change_from_another_version_is_a_conflict_and_changes_nothing()
    {
        var row = StoreSamples.Pending(1);
        await Store.WriteAsync(StoreSamples.Insert(row));
        var stale = row with { Version = 6, State = TaskState.Completed };

        var outcome = await Store.WriteAsync(StoreSamples.Change(stale, "result", StoreSamples.Events(0, "x")));
        var withoutEvents = await Store.WriteAsync(StoreSamples.Change(stale, "result"));
        var missing = await Store.WriteAsync(StoreSamples.Change(StoreSamples.Pending(2) with { Version = 2 }));

        Assert.Equal(StoreOutcome.Conflict, outcome);
        Assert.Equal(StoreOutcome.Conflict, withoutEvents);
        Assert.Equal(StoreOutcome.Conflict, missing);
        Assert.Equal(StoreSamples.Show(row), await FindAsync(1));
        Assert.Null(await Store.ReadBodyAsync(row.Id, BodyKind.Result, Token));
        Assert.Empty(await Store.ReadEventsAsync(row.Id, 0, 1_000, Token));
    }

    [Fact]
    public async Task Writes_handed_over_together_are_applied_in_their_order()
    {
        var row = StoreSamples.Pending(1);
        StoreWrite[] writes =
        [
            StoreSamples.Insert(row, "in", StoreSamples.Events(0, "a")),
            StoreSamples.Change(row.Next(TaskState.Running), events: StoreSamples.Events(1, "b")),
            StoreSamples.Change(
                row.Next(TaskState.Running).Next(TaskState.Completed),
                "out",
                StoreSamples.Events(2, "c")
            ),
        ];

        Store.Enqueue(writes);

        foreach (var write in writes)
        {
            Assert.Equal(StoreOutcome.Committed, await write.Done);
        }

        Assert.Equal("out", await ResultAsync(1));
        Assert.Equal(3, (await Store.ReadEventsAsync(row.Id, 0, 1_000, Token)).Count);
        Assert.Equal(0, Store.Backlog);
    }

    [Fact]
    public async Task Events_alone_need_a_task_at_the_version_that_they_name()
    {
        var row = StoreSamples.Pending(1);
        await Store.WriteAsync(StoreSamples.Insert(row));

        Assert.Equal(StoreOutcome.Committed, await AppendAsync(1, 1, 0, "a"));
        Assert.Equal(StoreOutcome.Committed, await AppendAsync(1, 0, 1, "b"));
        Assert.Equal(StoreOutcome.Conflict, await AppendAsync(1, 2, 2, "c"));
        Assert.Equal(StoreOutcome.Conflict, await AppendAsync(2, 0, 0, "d"));
        Assert.Equal(StoreOutcome.Conflict, await AppendAsync(1, 1, 1, "again"));
        Assert.Equal(["a", "b"], await LogAsync(1));
    }

    [Fact]
    public async Task A_body_may_be_absent_empty_or_large()
    {
        var large = new string('x', 300_000);
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(1)));
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(2), ""));
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(3), large));

        Assert.Null(await RequestAsync(1));
        Assert.Equal("", await RequestAsync(2));
        Assert.Equal(large, await RequestAsync(3));
        Assert.Null(await RequestAsync(4));
    }

    [Fact]
    public async Task A_later_result_replaces_the_one_before()
    {
        var row = StoreSamples.Pending(1);
        await Store.WriteAsync(StoreSamples.Insert(row));
        await Store.WriteAsync(StoreSamples.Change(row = row.Next(TaskState.Completed), ""));
        await Store.WriteAsync(StoreSamples.Change(row = row.Next(TaskState.Pending)));

        await Store.WriteAsync(StoreSamples.Change(row.Next(TaskState.Completed), "second"));

        Assert.Equal("second", await ResultAsync(1));
    }

    [Fact]
    public async Task Events_are_read_from_any_number_on()
    {
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(1), events: StoreSamples.Events(0, "0", "1")));
        await AppendAsync(1, 0, 2, "2", "3", "4");
        await AppendAsync(1, 0, 5, "5");

        Assert.Equal(["0", "1", "2", "3", "4", "5"], await LogAsync(1));
        Assert.Equal(["3", "4", "5"], await LogAsync(1, from: 3));
        Assert.Equal(["5"], await LogAsync(1, from: 5));
        Assert.Empty(await LogAsync(1, from: 6));
        var third = (await Store.ReadEventsAsync(new TaskId(1), 3, 1_000, Token))[0];
        Assert.Equal(3, third.Seq);
        Assert.Equal(1, third.Choice);
        Assert.Equal(StoreSamples.Start.ToUnixTimeMilliseconds() + 3, third.UnixMilliseconds);
    }

    [Fact]
    public async Task A_read_of_events_stops_at_its_bytes_but_returns_one()
    {
        var text = new string('x', 84); // With its header 100 bytes.
        await Store.WriteAsync(
            StoreSamples.Insert(StoreSamples.Pending(1), events: StoreSamples.Events(0, text, text, text))
        );
        await AppendAsync(1, 0, 3, text, text);

        Assert.Single(await LogAsync(1, 0, maxBytes: 1));
        Assert.Equal(2, (await LogAsync(1, 0, maxBytes: 299)).Count);
        Assert.Equal(4, (await LogAsync(1, 0, maxBytes: 400)).Count);
        Assert.Equal(3, (await LogAsync(1, 2, maxBytes: 400)).Count);
    }

    [Fact]
    public async Task Only_what_has_not_ended_is_unfinished_oldest_first()
    {
        foreach (var id in new[] { 4, 2, 3, 1 })
        {
            await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(id)));
        }

        await Store.WriteAsync(StoreSamples.Change(StoreSamples.Pending(3).Next(TaskState.Failed)));
        await Store.WriteAsync(StoreSamples.Change(StoreSamples.Pending(2).Next(TaskState.Running)));
        await RestartAsync();

        var unfinished = new List<long>();
        await foreach (var row in Store.ReadUnfinishedAsync(Token))
        {
            unfinished.Add(row.Id.Value);
        }

        Assert.Equal([1, 2, 4], unfinished);
    }

    private async Task<string> FindAsync(long id) => StoreSamples.Show(await Store.FindAsync(new TaskId(id), Token));

    private async Task<string?> RequestAsync(long id) =>
        StoreSamples.Text(await Store.ReadBodyAsync(new TaskId(id), BodyKind.Request, Token));

    private async Task<string?> ResultAsync(long id) =>
        StoreSamples.Text(await Store.ReadBodyAsync(new TaskId(id), BodyKind.Result, Token));

    private Task<StoreOutcome> AppendAsync(long id, long version, int first, params string[] data) =>
        Store.WriteAsync(
            new StoreWrite
            {
                Id = new TaskId(id),
                ExpectedVersion = version,
                Events = StoreSamples.Events(first, data),
            }
        );

    private async Task<List<string?>> LogAsync(long id, int from = 0, int maxBytes = 100_000) =>
        [
            .. (await Store.ReadEventsAsync(new TaskId(id), from, maxBytes, Token)).Select(item =>
                StoreSamples.Text(item.Data)
            ),
        ];
}

/// <summary>A clock that stands still until it is set.</summary>
public sealed class SettableTime(DateTimeOffset now) : TimeProvider
{
    private DateTimeOffset _now = now;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => _now;

    /// <summary>Goes on by so much.</summary>
    public void Advance(TimeSpan by) => _now += by;
}
