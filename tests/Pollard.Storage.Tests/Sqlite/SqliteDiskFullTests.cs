using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Storage.Tests.Sqlite;

/// <summary>A disk that is really full: a small file system in memory, which only root may mount.</summary>
public sealed class SqliteDiskFullTests
{
    [Fact]
    public async Task A_full_disk_loses_nothing_and_the_store_goes_on_when_there_is_room()
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess,
            "Only root may mount a small file system."
        );
        using var folder = new TempFolder();
        Assert.SkipUnless(
            await RunAsync("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder.Path),
            "This machine does not let its root mount."
        );
        try
        {
            await FillAsync(folder);
        }
        finally
        {
            await RunAsync("umount", folder.Path);
        }
    }

    private static async Task FillAsync(TempFolder folder)
    {
        var filler = Path.Combine(folder.Path, "filler");
        await File.WriteAllBytesAsync(filler, new byte[8 << 20], TestStore.Token);
        var time = new FakeTimeProvider();
        var options = TestStore.Options(folder) with { BallastBytes = 2 << 20, CheckpointBytes = 512 * 1024 };
        var kept = new HashSet<long>();
        await using (var store = await TestStore.OpenAsync(options, time))
        {
            var last = 0L;
            do
            {
                var filling = await store.WriteAsync(
                    StoreSamples.Insert(StoreSamples.Pending(1_000 + last), new string('x', 64_000))
                );
                if (filling != StoreOutcome.Committed)
                {
                    break;
                }

                if ((await store.LifeAsync(++last)).Completed == StoreOutcome.Committed)
                {
                    kept.Add(last);
                }
            } while (last < 1_000);

            Assert.InRange(last, 10, 999);
            Assert.False(store.Health.Writable);
            Assert.Contains("is full: free", store.Health.Reason, StringComparison.Ordinal);
            await store.CheckAsync(kept, kept);

            File.Delete(filler);
            await SqliteFaultTests.UntilWritableAsync(store, time);
            Assert.Equal(StoreOutcome.Committed, (await store.LifeAsync(5_000)).Completed);
            kept.Add(5_000);
        }

        await using var again = await TestStore.OpenAsync(options, time);
        await again.CheckAsync(kept, kept);
        Assert.Equal("ok", TestStore.Integrity(options));
    }

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false }
        )!;
        await process.WaitForExitAsync(TestStore.Token);
        return process.ExitCode == 0;
    }
}
