using System.Collections.Concurrent;
using System.Globalization;
using Pollard.Storage.Sqlite;
using Pollard.Tasks;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Storage.Tests.Sqlite;

/// <summary>
/// The power fails at any moment of a busy store: what was acknowledged is there, and nothing is there by half.
/// <c>POLLARD_POWER_SEED</c> replays a run's moments, <c>POLLARD_POWER_CUTS</c> says how many there are.
/// </summary>
public sealed class SqlitePowerLossTests(ITestOutputHelper output)
{
    private const int Lanes = 6;
    private const int TasksOfALane = 40;
    private const int FirstDue = 1_000_000;
    private const int DueTasks = 300;

    private static CancellationToken Token => TestStore.Token;

    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_the_power_fails()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The file layer is for Linux.");
        using var folder = new TempFolder();
        var record = new VfsRecord();
        var acknowledged = new ConcurrentBag<(int Moment, long Id, bool Ended)>();
        await FillAsync(folder);
        var loss = new PowerLoss(folder.Path);
        await using (var store = await TestStore.OpenAsync(Options(folder) with { Faults = new() { Record = record } }))
        {
            await Task.WhenAll(Enumerable.Range(0, Lanes).Select(lane => RunLaneAsync(store, lane)).Append(Purge()));

            async Task RunLaneAsync(SqliteTaskStore to, int lane)
            {
                for (var i = 1; i <= TasksOfALane; i++)
                {
                    var id = (lane * TasksOfALane) + i;
                    var (_, ended) = await to.LifeAsync(id, () => acknowledged.Add((record.Count, id, false)));
                    Assert.Equal(StoreOutcome.Committed, ended);
                    acknowledged.Add((record.Count, id, true));
                }
            }

            async Task Purge() => await store.PurgeAsync(StoreSamples.Start, TimeSpan.FromHours(1), DueTasks, Token);
        }

        await CutAsync(loss, record.ToArray(), [.. acknowledged]);
    }

    private async Task CutAsync(
        PowerLoss loss,
        VfsRecord.Entry[] operations,
        IReadOnlyList<(int Moment, long Id, bool Ended)> acknowledged
    )
    {
        var seed = Setting("POLLARD_POWER_SEED", Random.Shared.Next());
        var cuts = Setting("POLLARD_POWER_CUTS", 60);
        output.WriteLine($"seed {seed}, {operations.Length} operations, {acknowledged.Count} acknowledgements");
        for (var cut = 0; cut < cuts; cut++)
        {
            var random = new Random(seed + cut);
            var moment = random.Next(operations.Length + 1);
            using var folder = new TempFolder();
            loss.Leave(operations, moment, random, folder.Path);
            var known = acknowledged.Where(entry => entry.Moment <= moment).ToList();
            try
            {
                await using var store = await TestStore.OpenAsync(Options(folder));
                await store.CheckAsync(
                    known.Select(entry => entry.Id).ToHashSet(),
                    known.Where(entry => entry.Ended).Select(entry => entry.Id).ToHashSet()
                );
            }
            catch (Exception error)
            {
                throw new InvalidOperationException(
                    $"POLLARD_POWER_SEED={seed + cut}, at {moment}: {error.Message}",
                    error
                );
            }

            Assert.Equal("ok", TestStore.Integrity(Options(folder)));
        }
    }

    // So small that the log is copied and begun anew many times, and that a purge makes the file shorter.
    private static SqliteStoreOptions Options(TempFolder folder) =>
        TestStore.Options(folder) with
        {
            CheckpointBytes = 64 * 1024,
            RestartBytes = 128 * 1024,
        };

    // Tasks of the day before, that the purge deletes meanwhile.
    private static async Task FillAsync(TempFolder folder)
    {
        await using var store = await TestStore.OpenAsync(Options(folder));
        for (var id = FirstDue; id < FirstDue + DueTasks; id++)
        {
            var row = StoreSamples.Pending(id).Next(TaskState.Completed);
            var due = row with { Version = 1, EndedAt = StoreSamples.Start.AddDays(-1) };
            await store.WriteAsync(StoreSamples.Insert(due, new string('x', 2_000)));
        }
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
            ? int.Parse(value, CultureInfo.InvariantCulture)
            : otherwise;
}
