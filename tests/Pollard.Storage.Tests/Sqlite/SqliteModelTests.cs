using CsCheck;
using Pollard.Tasks;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Storage.Tests.Sqlite;

/// <summary>Any sequence of calls ends the same on disk as in the model in memory.</summary>
public sealed class SqliteModelTests
{
    private const int Ids = 8;
    private static readonly TimeSpan Keep = TimeSpan.FromMinutes(30);

    private static readonly Gen<Step> Steps = Gen.Select(
        Gen.Int[0, 9],
        Gen.Int[1, Ids],
        Gen.Int[0, 5],
        Gen.Int[0, 2],
        Gen.Bool,
        (kind, id, number, key, flag) => new Step(kind, id, number, key, flag)
    );

    [Fact]
    public async Task Any_sequence_of_calls_ends_as_in_the_model() =>
        await Steps.Array[1, 60].SampleAsync(RunAsync, iter: 60, threads: 1);

    private static async Task RunAsync(Step[] steps)
    {
        using var folder = new TempFolder();
        var time = new SettableTime(StoreSamples.Start);
        var options = TestStore.Options(folder);
        await using var model = new MemoryTaskStore(time);
        await model.OpenAsync(TestStore.Token);
        var store = await TestStore.OpenAsync(options, time);
        try
        {
            foreach (var step in steps)
            {
                if (step.Kind == 9)
                {
                    await store.DisposeAsync();
                    store = await TestStore.OpenAsync(options, time);
                }

                var expected = await ApplyAsync(model, step, time);
                Assert.Equal(expected, await ApplyAsync(store, step, time));
                time.Advance(TimeSpan.FromMinutes(1));
            }

            Assert.Equal(await ShowAsync(model), await ShowAsync(store));
        }
        finally
        {
            await store.DisposeAsync();
        }
    }

    /// <returns>What the caller was told.</returns>
    private static async Task<string> ApplyAsync(ITaskStore store, Step step, SettableTime time)
    {
        switch (step.Kind)
        {
            case 0 or 1:
                var insert = Insert(step, time);
                return $"{await store.WriteAsync(insert)} {insert.Existing}";
            case 2 or 3 or 4:
                var change = await ChangeAsync(store, step, time);
                return change is null ? "none" : $"{await store.WriteAsync(change)}";
            case 5:
                return $"{await store.WriteAsync(await AppendAsync(store, step))}";
            case 6:
                var purged = await store.PurgeAsync(time.GetUtcNow(), Keep, step.Number, TestStore.Token);
                return $"{purged}";
            case 7:
                await store.PutRecordAsync(
                    $"c{step.Key}",
                    $"{step.Id}",
                    StoreSamples.Bytes($"{step.Number}"),
                    TestStore.Token
                );
                return "put";
            case 8:
                await store.DeleteRecordAsync($"c{step.Key}", $"{step.Id}", TestStore.Token);
                return "deleted";
            default:
                return "restarted";
        }
    }

    private static StoreWrite Insert(Step step, SettableTime time) =>
        StoreSamples.Insert(
            StoreSamples.Pending(step.Id, owner: $"{(step.Flag ? "a" : "")}") with
            {
                Retention = step.Flag ? TimeSpan.FromMinutes(step.Number) : null,
            },
            step.Number == 0 ? null : $"request {step.Number}",
            step.Flag ? StoreSamples.Events(0, "a", "b") : null,
            step.Key == 0
                ? null
                : new IdempotencyKey($"key {step.Key}", $"print {step.Number}", time.GetUtcNow().AddMinutes(20))
        );

    private static async Task<StoreWrite?> ChangeAsync(ITaskStore store, Step step, SettableTime time)
    {
        var row = await store.FindAsync(new TaskId(step.Id), TestStore.Token);
        if (row is null)
        {
            return null;
        }

        var state = (TaskState)step.Number;
        var next = row.Next(state) with
        {
            EndedAt = state >= TaskState.Completed ? time.GetUtcNow() : null,
            Error = state == TaskState.Failed ? new TaskError("x", "y") : null,
            Version = row.Version + (step.Key == 2 ? 2 : 1), // Made from a version that is not there.
        };
        return StoreSamples.Change(
            next,
            state == TaskState.Completed ? $"result {row.Version}" : null,
            step.Flag ? StoreSamples.Events((int)row.Version * 10, "c") : null
        );
    }

    private static async Task<StoreWrite> AppendAsync(ITaskStore store, Step step)
    {
        var id = new TaskId(step.Id);
        var events = await store.ReadEventsAsync(id, 0, int.MaxValue, TestStore.Token);
        return new StoreWrite
        {
            Id = id,
            ExpectedVersion = step.Key,
            Events = StoreSamples.Events(step.Flag && events.Count > 0 ? events[^1].Seq : 1_000, "d"),
        };
    }

    /// <summary>All that can be read, as text.</summary>
    private static async Task<string> ShowAsync(ITaskStore store)
    {
        var text = new List<string>();
        foreach (var row in (await store.ListAsync(new() { Limit = 1_000 }, TestStore.Token)).Rows)
        {
            var request = await store.ReadBodyAsync(row.Id, BodyKind.Request, TestStore.Token);
            var result = await store.ReadBodyAsync(row.Id, BodyKind.Result, TestStore.Token);
            var events = await store.ReadEventsAsync(row.Id, 0, 1_000, TestStore.Token);
            text.Add(
                $"{StoreSamples.Show(row)} in {StoreSamples.Text(request)} out {StoreSamples.Text(result)} log "
                    + string.Join(',', events.Select(e => $"{e.Seq}{StoreSamples.Text(e.Data)}"))
            );
        }

        await foreach (var row in store.ReadUnfinishedAsync(TestStore.Token))
        {
            text.Add($"unfinished {row.Id}");
        }

        foreach (var collection in new[] { "c0", "c1", "c2" })
        {
            var records = await store.ReadRecordsAsync(collection, TestStore.Token);
            text.AddRange(records.Select(r => $"{collection} {r.Id} {StoreSamples.Text(r.Json)}"));
        }

        return string.Join('\n', text);
    }

    internal sealed record Step(int Kind, int Id, int Number, int Key, bool Flag);
}
