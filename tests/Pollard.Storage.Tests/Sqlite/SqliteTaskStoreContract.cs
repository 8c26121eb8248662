using Pollard.Storage.Sqlite;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Storage.Tests.Sqlite;

public sealed class SqliteTaskStoreContract : TaskStoreQueriesContract
{
    private readonly TempFolder _folder = new();

    protected override ITaskStore Make() =>
        new SqliteTaskStore(
            new SqliteStoreOptions
            {
                Directory = _folder.Path,
                MinFreeBytes = 0,
                BallastBytes = 0,
            },
            Time
        );

    protected override async ValueTask<ITaskStore> RestartAsync(ITaskStore store)
    {
        await store.DisposeAsync();
        return Make();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
