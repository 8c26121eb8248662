using Microsoft.Extensions.Time.Testing;
using Pollard.Storage.Sqlite;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Storage.Tests.Sqlite;

public sealed class SqliteReadersTests : IAsyncDisposable
{
    private const string Long =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100000) SELECT max(x) FROM n";

    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _clock = new();
    private SqliteTaskStore? _store;

    public async ValueTask DisposeAsync()
    {
        await (_store?.DisposeAsync() ?? ValueTask.CompletedTask);
        _folder.Dispose();
    }

    [Fact]
    public async Task A_read_that_takes_too_long_is_cut_and_the_next_one_is_answered()
    {
        await using var readers = await OpenAsync();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var endless = readers.ReadAsync(reader => Run(reader, begun), TestStore.Token);
        await begun.Task.WaitAsync(TestStore.Token);
        _clock.Advance(TimeSpan.FromSeconds(5.1));

        var error = await Assert.ThrowsAsync<StoreException>(() => endless);
        Assert.Contains("took longer than 5 seconds", error.Message, StringComparison.Ordinal);
        Assert.NotNull(await readers.ReadAsync(reader => reader.Find(new TaskId(1)), TestStore.Token));
    }

    [Fact]
    public async Task A_read_whose_client_has_left_is_cut()
    {
        await using var readers = await OpenAsync();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var left = new CancellationTokenSource();

        var endless = readers.ReadAsync(reader => Run(reader, begun), left.Token);
        await begun.Task.WaitAsync(TestStore.Token);
        await left.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endless);
    }

    [Fact]
    public async Task Reads_that_fail_use_the_same_few_connections_again()
    {
        await using var readers = await OpenAsync();
        var used = new HashSet<SqliteConnection>();

        for (var i = 0; i < 20; i++)
        {
            await Assert.ThrowsAsync<StoreException>(() =>
                readers.ReadAsync<int>(
                    reader =>
                    {
                        used.Add(reader.Connection);
                        throw new StoreException(StoreFault.Damaged, "damaged");
                    },
                    TestStore.Token
                )
            );
        }

        Assert.Single(used);
    }

    // For ever, within a statement or between two.
    private static byte[] Run(SqliteReader reader, TaskCompletionSource begun)
    {
        while (true)
        {
            reader.Connection.QueryBytes(Long);
            begun.TrySetResult();
        }
    }

    private async Task<SqliteReaders> OpenAsync()
    {
        _store = await TestStore.OpenAsync(TestStore.Options(_folder), TimeProvider.System);
        await _store.LifeAsync(1);
        return new SqliteReaders(TestStore.Options(_folder), null, _clock);
    }
}
