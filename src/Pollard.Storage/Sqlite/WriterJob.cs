using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>Something else than a task's write that the writer commits with the others.</summary>
internal abstract class WriterJob
{
    /// <summary>Inside the writer's transaction.</summary>
    public abstract void Apply(TableWriter tables);

    /// <summary>It is on disk.</summary>
    public virtual void Complete() { }

    /// <summary>It is not.</summary>
    public virtual void Fail(StoreException error) { }
}

/// <summary>A job that somebody waits for.</summary>
internal abstract class AwaitedJob : WriterJob
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when it is on disk; fails with a <see cref="StoreException"/> when it is not.</summary>
    public Task Done => _done.Task;

    public override void Complete() => _done.TrySetResult();

    public override void Fail(StoreException error) => _done.TrySetException(error);
}

/// <summary>Puts a record.</summary>
internal sealed class PutRecord(string collection, string id, ReadOnlyMemory<byte> body) : AwaitedJob
{
    public override void Apply(TableWriter tables) => tables.PutRecord(collection, id, body.Span);
}

/// <summary>Deletes a record.</summary>
internal sealed class DeleteRecord(string collection, string id) : AwaitedJob
{
    public override void Apply(TableWriter tables) => tables.DeleteRecord(collection, id);
}

/// <summary>Finds out whether a stopped store can write again.</summary>
internal sealed class Trial : WriterJob
{
    public override void Apply(TableWriter tables) => tables.WriteTrial();
}

/// <summary>Only wakes the writer.</summary>
internal sealed class Nudge : WriterJob
{
    public override void Apply(TableWriter tables) { }
}
