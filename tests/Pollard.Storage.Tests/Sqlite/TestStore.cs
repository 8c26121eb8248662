using Pollard.Storage.Sqlite;
using Pollard.Tasks;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Storage.Tests.Sqlite;

/// <summary>Short words for tests of the store on disk.</summary>
internal static class TestStore
{
    public static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Options of a small store that asks nothing of the disk.</summary>
    public static SqliteStoreOptions Options(TempFolder folder) =>
        new()
        {
            Directory = folder.Path,
            MinFreeBytes = 0,
            BallastBytes = 0,
        };

    public static async Task<SqliteTaskStore> OpenAsync(SqliteStoreOptions options, TimeProvider? time = null)
    {
        var store = new SqliteTaskStore(options, time ?? TimeProvider.System);
        await store.OpenAsync(Token);
        return store;
    }

    /// <summary>A task from its submission to its result.</summary>
    public static async Task<(StoreOutcome Submitted, StoreOutcome Completed)> LifeAsync(
        this ITaskStore store,
        long id,
        Action? submittedNow = null
    )
    {
        var row = StoreSamples.Pending(id);
        var submitted = await store.WriteAsync(
            StoreSamples.Insert(row, $"request {id}", StoreSamples.Events(0, "submitted"))
        );
        if (submitted != StoreOutcome.Committed)
        {
            return (submitted, StoreOutcome.Failed);
        }

        submittedNow?.Invoke();
        row = row.Next(TaskState.Running);
        if (await store.WriteAsync(StoreSamples.Change(row)) != StoreOutcome.Committed)
        {
            return (submitted, StoreOutcome.Failed);
        }

        return (
            submitted,
            await store.WriteAsync(
                StoreSamples.Change(row.Next(TaskState.Completed), $"result {id}", StoreSamples.Events(1, "completed"))
            )
        );
    }

    /// <summary>What must hold of a store after anything: acknowledged tasks are there, and completed ones have their results.</summary>
    public static async Task CheckAsync(
        this ITaskStore store,
        IReadOnlySet<long> submitted,
        IReadOnlySet<long> completed
    )
    {
        foreach (var id in submitted)
        {
            var row = await store.FindAsync(new TaskId(id), Token);
            Assert.True(row is not null, $"The acknowledged task {id} is lost.");
            Assert.Equal(
                $"request {id}",
                StoreSamples.Text(await store.ReadBodyAsync(row.Id, BodyKind.Request, Token))
            );
            var result = await store.ReadBodyAsync(row.Id, BodyKind.Result, Token);
            Assert.Equal(row.State == TaskState.Completed ? $"result {id}" : null, StoreSamples.Text(result));
            Assert.True(
                row.State == TaskState.Completed || !completed.Contains(id),
                $"The acknowledged result of {id} is lost."
            );
            var events = await store.ReadEventsAsync(row.Id, 0, 1_000, Token);
            Assert.Equal(row.State == TaskState.Completed ? 2 : 1, events.Count);
        }
    }

    /// <summary>What SQLite itself says of the database.</summary>
    public static string Integrity(SqliteStoreOptions options)
    {
        using var connection = new SqliteConnection(options.DatabasePath, readOnly: false, null);
        return System.Text.Encoding.UTF8.GetString(connection.QueryBytes("PRAGMA integrity_check"));
    }
}
