using System.Diagnostics;
using System.Globalization;
using Pollard.Bench.Machine;
using Pollard.Storage.Sqlite;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Bench.Store;

/// <summary>
/// What the SQLite store can take: submits and whole lives of tasks with 1 KB in and 1 KB out, each acknowledged after its sync,
/// beside the same rows in plain SQLite with a sync each. <c>--history N</c> does it again over N ended tasks.
/// </summary>
internal static class StoreSuite
{
    private const int BodyBytes = 1_024;
    private static readonly byte[] Body = MakeBody();
    private static long _lastId = 1L << 40;

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var results = new List<BenchResult>();
        using (var folder = new BenchFolder(arguments.Text("dir")))
        {
            await using var store = await OpenAsync(folder.Path);
            await LoopAsync(store, 64, TimeSpan.FromSeconds(1), LifeAsync); // Warms up.
            await MeasureAsync(store, arguments, results, "empty store");
            if (arguments.Number("history", 0) is > 0 and var tasks)
            {
                await FillAsync(store, tasks);
                await MeasureAsync(store, arguments, results, $"{tasks:N0} ended tasks");
                await ReadAsync(store, results);
            }
        }

        using var plain = new BenchFolder(arguments.Text("dir"));
        var single = Plain(plain.Path, TimeSpan.FromSeconds(2));
        results.Add(single);
        results.Add(
            results[1] with
            {
                Name = "durable submits: ratio to plain SQLite",
                Note = $"x {results[1].PerSecond / single.PerSecond:N0}",
            }
        );
        return results;
    }

    private static async Task MeasureAsync(
        SqliteTaskStore store,
        BenchArguments arguments,
        List<BenchResult> results,
        string where
    )
    {
        foreach (var inFlight in new[] { 64, 1_024, 4_096 })
        {
            results.Add(
                await MeasureAsync(
                    store,
                    $"durable submits, {inFlight} in flight, {where}",
                    inFlight,
                    arguments,
                    SubmitAsync
                )
            );
        }

        foreach (var inFlight in new[] { 64, 1_024 })
        {
            results.Add(
                await MeasureAsync(store, $"lifecycles, {inFlight} in flight, {where}", inFlight, arguments, LifeAsync)
            );
        }
    }

    private static async Task<BenchResult> MeasureAsync(
        SqliteTaskStore store,
        string name,
        int inFlight,
        BenchArguments arguments,
        Func<SqliteTaskStore, Task> work
    )
    {
        var commits = store.Commits;
        var writer = WriterCpu();
        var measurement = new Measurement();
        var latencies = await LoopAsync(store, inFlight, arguments.Duration, work);
        return measurement.End(
            name,
            "task",
            latencies,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{latencies.Count / (double)Math.Max(1, store.Commits - commits):N0} a commit, writer's thread {(WriterCpu() - writer).TotalMicroseconds / Math.Max(1, latencies.Count):N1} us"
            )
        );
    }

    /// <summary>What the one thread that writes has used: it bounds the rate, whatever else the machine does.</summary>
    private static TimeSpan WriterCpu()
    {
        if (!OperatingSystem.IsLinux())
        {
            return TimeSpan.Zero;
        }

        var thread = Directory
            .EnumerateDirectories("/proc/self/task")
            .First(path =>
                File.ReadAllText(Path.Combine(path, "comm")).StartsWith("pollard store w", StringComparison.Ordinal)
            );
        var nanoseconds = File.ReadAllText(Path.Combine(thread, "schedstat")).Split(' ')[0];
        return TimeSpan.FromMicroseconds(long.Parse(nanoseconds, CultureInfo.InvariantCulture) / 1_000.0);
    }

    private static async Task<List<long>> LoopAsync(
        SqliteTaskStore store,
        int inFlight,
        TimeSpan duration,
        Func<SqliteTaskStore, Task> work
    )
    {
        var began = Stopwatch.GetTimestamp();
        var loops = Enumerable.Range(0, inFlight).Select(_ => Task.Run(OneAsync)).ToList();
        return [.. (await Task.WhenAll(loops)).SelectMany(latencies => latencies)];

        async Task<List<long>> OneAsync()
        {
            var latencies = new List<long>();
            while (Stopwatch.GetElapsedTime(began) < duration)
            {
                var before = Stopwatch.GetTimestamp();
                await work(store);
                latencies.Add(Stopwatch.GetTimestamp() - before);
            }

            return latencies;
        }
    }

    private static async Task SubmitAsync(SqliteTaskStore store) => await WriteAsync(store, Submit(NewRow()));

    private static async Task LifeAsync(SqliteTaskStore store)
    {
        var row = NewRow();
        await WriteAsync(store, Submit(row));
        row = row with
        {
            Version = 2,
            State = TaskState.Running,
            Attempt = 1,
            Fence = row.Id.Value,
            Host = "host_1",
            StartedAt = row.CreatedAt,
        };
        await WriteAsync(store, Change(row));
        row = row with { Version = 3, State = TaskState.Completed, EndedAt = row.CreatedAt };
        await WriteAsync(store, Change(row, Body));
    }

    private static async Task WriteAsync(SqliteTaskStore store, StoreWrite write)
    {
        store.Enqueue(write);
        if (await write.Done is not StoreOutcome.Committed and var outcome)
        {
            throw new InvalidOperationException($"A write ended as {outcome}: {store.Health.Reason}");
        }
    }

    private static async Task FillAsync(SqliteTaskStore store, int tasks)
    {
        const int Together = 1_000;
        for (var i = 0; i < tasks; i += Together)
        {
            var writes = Enumerable
                .Range(0, Together)
                .Select(_ => NewRow())
                .Select(row => new StoreWrite
                {
                    Id = row.Id,
                    Row = row with { State = TaskState.Completed, EndedAt = row.CreatedAt },
                    Request = Body,
                    Result = Body,
                })
                .ToArray();
            store.Enqueue(writes);
            foreach (var write in writes)
            {
                await write.Done;
            }
        }
    }

    private static async Task ReadAsync(SqliteTaskStore store, List<BenchResult> results)
    {
        var last = Volatile.Read(ref _lastId);
        (string Name, Func<int, Task> Read)[] reads =
        [
            ("find one", i => store.FindAsync(new TaskId(last - (i * 97)), default).AsTask()),
            ("list newest 50", _ => store.ListAsync(new(), default).AsTask()),
            ("list failed (none)", _ => store.ListAsync(new() { State = TaskState.Failed }, default).AsTask()),
            ("list of an unknown model", _ => store.ListAsync(new() { Model = "none" }, default).AsTask()),
        ];
        foreach (var (name, read) in reads)
        {
            var measurement = new Measurement();
            var latencies = new List<long>();
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; i < 2_000 && Stopwatch.GetElapsedTime(began).TotalSeconds < 3; i++)
            {
                var before = Stopwatch.GetTimestamp();
                await read(i);
                latencies.Add(Stopwatch.GetTimestamp() - before);
            }

            results.Add(measurement.End($"{name}, one at a time", "read", latencies));
        }
    }

    private static BenchResult Plain(string folder, TimeSpan duration)
    {
        using var connection = new SqliteConnection(Path.Combine(folder, "plain.db"), readOnly: false, null);
        connection.Execute("PRAGMA journal_mode = WAL");
        connection.Execute("PRAGMA synchronous = FULL");
        SqliteSchema.Migrate(connection, folder);
        var tables = new TableWriter(connection);
        var latencies = new List<long>();
        var measurement = new Measurement();
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < duration)
        {
            var before = Stopwatch.GetTimestamp();
            connection.Execute("BEGIN IMMEDIATE");
            tables.Apply(Submit(NewRow()), TimeProvider.System.GetUtcNow());
            connection.Execute("COMMIT");
            latencies.Add(Stopwatch.GetTimestamp() - before);
        }

        return measurement.End("plain SQLite, a sync a row", "task", latencies);
    }

    private static async Task<SqliteTaskStore> OpenAsync(string folder)
    {
        var store = new SqliteTaskStore(new SqliteStoreOptions { Directory = folder }, TimeProvider.System);
        await store.OpenAsync(CancellationToken.None);
        return store;
    }

    private static TaskRow NewRow() =>
        new()
        {
            Id = new TaskId(Interlocked.Increment(ref _lastId)),
            Owner = "",
            Kind = "chat",
            Model = "llama3.2:3b",
            Version = 1,
            MaxAttempts = 3,
            CreatedAt = TimeProvider.System.GetUtcNow(),
            RunTimeout = TimeSpan.FromMinutes(10),
        };

    private static StoreWrite Submit(TaskRow row) =>
        new()
        {
            Id = row.Id,
            Row = row,
            Request = Body,
        };

    private static StoreWrite Change(TaskRow row, byte[]? result = null) =>
        new()
        {
            Id = row.Id,
            Row = row,
            ExpectedVersion = row.Version - 1,
            Result = result is null ? default(ReadOnlyMemory<byte>?) : result,
        };

    private static byte[] MakeBody()
    {
        var body = new byte[BodyBytes];
        Random.Shared.NextBytes(body);
        return body;
    }
}
