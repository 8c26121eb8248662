using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Testing;

/// <summary>What every store promises about lists, keys, records and the end of tasks.</summary>
public abstract class TaskStoreQueriesContract : TaskStoreContract
{
    [Fact]
    public async Task Lists_are_newest_first_and_filtered_by_any_mixture()
    {
        var rows = Enumerable
            .Range(1, 60)
            .Select(id =>
                StoreSamples.Pending(id, owner: id % 3 == 0 ? "" : $"key_{id % 3}") with
                {
                    State = (TaskState)(id % 6),
                    EndedAt = id % 6 < 2 ? null : StoreSamples.Start,
                    Kind = id % 2 == 0 ? "chat" : "embed",
                    Model = id % 5 == 0 ? "big" : "small",
                    Requires =
                        id % 4 != 0 ? null
                        : id % 8 != 0 ? new() { Labels = ["gpu"] }
                        : new() { Labels = ["zone:eu", "gpu"], Context = 9 },
                }
            )
            .ToList();
        foreach (var row in rows)
        {
            await Store.WriteAsync(StoreSamples.Insert(row));
        }

        foreach (var query in Queries())
        {
            var expected = rows.Where(row =>
                    (query.Owner is null || row.Owner == query.Owner)
                    && (query.State is null || row.State == query.State)
                    && (query.Kind is null || row.Kind == query.Kind)
                    && (query.Model is null || row.Model == query.Model)
                    && (query.Before is null || row.Id < query.Before)
                    && query.Labels.All(label => row.Requires?.Labels?.Contains(label) == true)
                )
                .Reverse()
                .Select(row => row.Id)
                .ToList();
            var page = await Store.ListAsync(query, Token);
            Assert.Equal(expected.Take(query.Limit), page.Rows.Select(row => row.Id));
            Assert.True(page.Next is not null || expected.Count <= query.Limit, "There is a next page.");
        }
    }

    [Fact]
    public async Task Pages_have_every_task_once_while_others_come_in_and_go()
    {
        // All of one moment: what parts pages is the number of a task and not its time.
        for (var id = 1; id <= 30; id++)
        {
            await Store.WriteAsync(
                StoreSamples.Insert(StoreSamples.Pending(id) with { CreatedAt = StoreSamples.Start })
            );
        }

        List<long> seen = [];
        TaskId? before = null;
        do
        {
            var page = await Store.ListAsync(new() { Before = before, Limit = 6 }, Token);
            seen.AddRange(page.Rows.Select(row => row.Id.Value));
            before = page.Next;
            await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(100 + seen.Count)));
            if (page.Rows is [.., var last])
            {
                await Store.WriteAsync(StoreSamples.Change(last.Next(TaskState.Completed)));
                await PurgeAsync(StoreSamples.Start.AddYears(1)); // The cursor's own task is gone.
            }
        } while (before is not null);

        Assert.Equal(Enumerable.Range(1, 30).Reverse().Select(id => (long)id), seen);
    }

    [Fact]
    public async Task A_list_by_label_ends_with_the_tasks()
    {
        var row = StoreSamples.Pending(1) with { Requires = new() { Labels = ["gpu", "gpu", "x"] } };
        await Store.WriteAsync(StoreSamples.Insert(row));
        await Store.WriteAsync(StoreSamples.Insert(row with { Id = new TaskId(2) }));
        await Store.WriteAsync(StoreSamples.Change(row.Next(TaskState.Completed)));
        await PurgeAsync(StoreSamples.Start.AddDays(1));
        await RestartAsync();

        var page = await Store.ListAsync(new() { Labels = ["x"] }, Token);

        Assert.Equal([new TaskId(2)], page.Rows.Select(found => found.Id));
    }

    [Fact]
    public async Task A_used_key_answers_with_the_task_that_has_it()
    {
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(1, "a"), "first", key: Key("k", "print 1")));
        var again = StoreSamples.Insert(StoreSamples.Pending(2, "a"), "second", key: Key("k", "print 2"));
        var other = StoreSamples.Insert(StoreSamples.Pending(3, "b"), key: Key("k", "print 3"));

        Assert.Equal(StoreOutcome.Duplicate, await Store.WriteAsync(again));
        Assert.Equal(StoreOutcome.Committed, await Store.WriteAsync(other));
        Assert.Equal((new TaskId(1), "print 1"), again.Existing);
        Assert.Null(await Store.FindAsync(new TaskId(2), Token));
        Assert.Null(await Store.ReadBodyAsync(new TaskId(2), BodyKind.Request, Token));
    }

    [Fact]
    public async Task Of_two_with_one_key_in_one_commit_the_first_wins()
    {
        StoreWrite[] writes =
        [
            StoreSamples.Insert(StoreSamples.Pending(1), key: Key("k")),
            StoreSamples.Insert(StoreSamples.Pending(2), key: Key("k")),
        ];

        Store.Enqueue(writes);

        Assert.Equal(StoreOutcome.Committed, await writes[0].Done);
        Assert.Equal(StoreOutcome.Duplicate, await writes[1].Done);
    }

    [Fact]
    public async Task An_expired_key_may_be_used_anew()
    {
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(1), key: Key("k")));
        Time.Advance(TimeSpan.FromHours(1));

        var reused = await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(2), key: Key("k", hours: 2)));

        var third = StoreSamples.Insert(StoreSamples.Pending(3), key: Key("k"));
        Assert.Equal(StoreOutcome.Committed, reused);
        Assert.Equal(StoreOutcome.Duplicate, await Store.WriteAsync(third));
        Assert.Equal(new TaskId(2), third.Existing!.Value.Id);
    }

    [Fact]
    public async Task A_key_outlives_a_restart_and_ends_with_its_task()
    {
        var row = StoreSamples.Pending(1);
        await Store.WriteAsync(StoreSamples.Insert(row, key: Key("k")));
        await RestartAsync();
        var second = StoreSamples.Insert(StoreSamples.Pending(2), key: Key("k"));
        Assert.Equal(StoreOutcome.Duplicate, await Store.WriteAsync(second));

        await Store.WriteAsync(StoreSamples.Change(row.Next(TaskState.Completed)));
        await PurgeAsync(StoreSamples.Start.AddDays(1));

        var third = StoreSamples.Insert(StoreSamples.Pending(3), key: Key("k"));
        Assert.Equal(StoreOutcome.Committed, await Store.WriteAsync(third));
    }

    [Fact]
    public async Task A_purge_deletes_with_all_that_belongs_to_it_what_is_due_and_nothing_else()
    {
        var started = StoreSamples.Start;
        await EndedAsync(1, started);
        await EndedAsync(2, started.AddHours(1));
        await EndedAsync(3, started, retention: TimeSpan.FromDays(9));
        await EndedAsync(4, started.AddHours(2), retention: TimeSpan.FromMinutes(1));
        await Store.WriteAsync(StoreSamples.Insert(StoreSamples.Pending(5)));

        var first = await PurgeAsync(started.AddHours(3), keep: TimeSpan.FromHours(2));
        var second = await PurgeAsync(started.AddHours(3), keep: TimeSpan.FromHours(2));

        Assert.Equal(3, first);
        Assert.Equal(0, second);
        Assert.Equal([5, 3], (await Store.ListAsync(new(), Token)).Rows.Select(row => row.Id.Value));
        Assert.Null(await Store.ReadBodyAsync(new TaskId(1), BodyKind.Request, Token));
        Assert.Null(await Store.ReadBodyAsync(new TaskId(1), BodyKind.Result, Token));
        Assert.Empty(await Store.ReadEventsAsync(new TaskId(1), 0, 1_000, Token));
    }

    [Fact]
    public async Task A_purge_deletes_no_more_than_it_is_told_the_longest_ended_first()
    {
        for (var id = 1; id <= 250; id++)
        {
            await EndedAsync(id, StoreSamples.Start.AddMinutes(-id));
        }

        Assert.Equal(250, (await Store.MeasureAsync(Token)).EndedTasks);
        Assert.Equal(0, await PurgeAsync(StoreSamples.Start, max: 0));
        Assert.Equal(120, await PurgeAsync(StoreSamples.Start, max: 120));
        Assert.Equal(130, (await Store.ListAsync(new() { Limit = 1_000 }, Token)).Rows.Count);
        Assert.NotNull(await Store.FindAsync(new TaskId(130), Token));
        Assert.Null(await Store.FindAsync(new TaskId(131), Token));
        Assert.Equal(130, await PurgeAsync(StoreSamples.Start, max: 500));
    }

    [Fact]
    public async Task A_task_that_was_started_over_is_not_purged()
    {
        var row = StoreSamples.Pending(1);
        await Store.WriteAsync(StoreSamples.Insert(row));
        await Store.WriteAsync(StoreSamples.Change(row = row.Next(TaskState.Failed)));
        await Store.WriteAsync(StoreSamples.Change(row.Next(TaskState.Pending)));

        Assert.Equal(0, await PurgeAsync(StoreSamples.Start.AddYears(1)));
    }

    [Fact]
    public async Task Records_are_kept_replaced_and_deleted()
    {
        await Store.PutRecordAsync("keys", "b", StoreSamples.Bytes("1"), Token);
        await Store.PutRecordAsync("keys", "a", StoreSamples.Bytes("2"), Token);
        await Store.PutRecordAsync("hosts", "a", StoreSamples.Bytes("3"), Token);
        await Store.PutRecordAsync("keys", "b", StoreSamples.Bytes("4"), Token);
        await Store.DeleteRecordAsync("hosts", "a", Token);
        await Store.DeleteRecordAsync("hosts", "none", Token);
        await RestartAsync();

        var keys = await Store.ReadRecordsAsync("keys", Token);
        Assert.Equal([("a", "2"), ("b", "4")], keys.Select(record => (record.Id, StoreSamples.Text(record.Json)!)));
        Assert.Empty(await Store.ReadRecordsAsync("hosts", Token));
    }

    [Fact]
    public void A_new_store_is_well()
    {
        Assert.True(Store.Health.Writable);
        Assert.Null(Store.Health.Reason);
    }

    private static IEnumerable<TaskQuery> Queries() =>
        from owner in new[] { null, "", "key_1" }
        from state in Enum.GetValues<TaskState>().Cast<TaskState?>().Prepend(null)
        from kind in new[] { null, "chat" }
        from model in new[] { null, "big" }
        from before in new TaskId?[] { null, new TaskId(30) }
        from labels in new string[][] { [], ["gpu"], ["gpu", "zone:eu"] }
        select new TaskQuery
        {
            Owner = owner,
            State = state,
            Kind = kind,
            Model = model,
            Before = before,
            Labels = labels,
            Limit = 7,
        };

    private static IdempotencyKey Key(string key, string fingerprint = "print", int hours = 1) =>
        new(key, fingerprint, StoreSamples.Start.AddHours(hours));

    private async Task EndedAsync(long id, DateTimeOffset ended, TimeSpan? retention = null)
    {
        var row = StoreSamples.Pending(id) with { Retention = retention };
        await Store.WriteAsync(StoreSamples.Insert(row, "in", StoreSamples.Events(0, "a")));
        await Store.WriteAsync(
            StoreSamples.Change(
                row.Next(TaskState.Completed) with
                {
                    EndedAt = ended,
                },
                "out",
                StoreSamples.Events(1, "b")
            )
        );
    }

    private ValueTask<int> PurgeAsync(DateTimeOffset now, TimeSpan keep = default, int max = 1_000) =>
        Store.PurgeAsync(now, keep, max, Token);
}
