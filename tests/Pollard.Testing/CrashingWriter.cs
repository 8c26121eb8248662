using Pollard.Storage.Sqlite;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Testing;

/// <summary>
/// A process that writes tasks and says what was acknowledged, until it is killed. A test program calls it before its tests
/// begin; nothing here may touch that program, which is not ready yet.
/// </summary>
public static class CrashingWriter
{
    /// <summary>The variable of the environment that says: be this, on the store in that folder.</summary>
    public const string Variable = "POLLARD_CRASHING_WRITER";

    private const int Lanes = 16;
    private static readonly Lock Gate = new();

    /// <summary>Returns at once, or never.</summary>
    public static void RunIfAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { } folder)
        {
            var thread = new Thread(() => _ = RunAsync(folder));
            thread.Start();
            thread.Join();
            Thread.CurrentThread.Join();
        }
    }

    private static async Task RunAsync(string folder)
    {
        try
        {
            await WriteAsync(folder);
        }
        catch (Exception error)
        {
            Environment.FailFast("The writer ended by itself.", error);
        }
    }

    private static async Task WriteAsync(string folder)
    {
        using var standardOutput = Console.OpenStandardOutput();
        Print(standardOutput, "opening");
        var store = new SqliteTaskStore(
            new SqliteStoreOptions
            {
                Directory = folder,
                MinFreeBytes = 0,
                BallastBytes = 0,
                CheckpointBytes = 256 * 1024,
                RestartBytes = 1024 * 1024,
            },
            TimeProvider.System
        );
        var identity = await store.OpenAsync(CancellationToken.None);
        var next = identity.Newest.Value;
        await Task.WhenAll(Enumerable.Range(0, Lanes).Select(_ => Task.Run(LaneAsync, CancellationToken.None)));

        async Task LaneAsync()
        {
            while (true)
            {
                var id = Interlocked.Increment(ref next);
                var row = StoreSamples.Pending(id);
                Ensure(await store.WriteAsync(StoreSamples.Insert(row, $"request {id}", StoreSamples.Events(0, "a"))));
                Print(standardOutput, $"S {id}");
                Ensure(await store.WriteAsync(StoreSamples.Change(row = row.Next(TaskState.Running))));
                Ensure(
                    await store.WriteAsync(
                        StoreSamples.Change(row.Next(TaskState.Completed), $"result {id}", StoreSamples.Events(1, "b"))
                    )
                );
                Print(standardOutput, $"C {id}");
            }
        }
    }

    private static void Ensure(StoreOutcome outcome)
    {
        if (outcome != StoreOutcome.Committed)
        {
            throw new InvalidOperationException($"A write ended as {outcome}.");
        }
    }

    private static void Print(Stream to, string line)
    {
        lock (Gate)
        {
            to.Write(System.Text.Encoding.ASCII.GetBytes(line + "\n"));
            to.Flush();
        }
    }
}
