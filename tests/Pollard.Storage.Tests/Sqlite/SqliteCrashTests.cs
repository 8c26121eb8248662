using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Pollard.Testing;

namespace Pollard.Storage.Tests.Sqlite;

/// <summary>
/// A process that writes is killed at random moments, again and again on one store. <c>POLLARD_CRASH_ROUNDS</c> says how often.
/// </summary>
public sealed class SqliteCrashTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_the_process_is_killed()
    {
        using var folder = new TempFolder();
        var rounds = int.Parse(
            Environment.GetEnvironmentVariable("POLLARD_CRASH_ROUNDS") ?? "8",
            CultureInfo.InvariantCulture
        );
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var submitted = new HashSet<long>();
        var completed = new HashSet<long>();
        for (var round = 0; round < rounds; round++)
        {
            // Every fourth dies while it starts: recovery itself is interrupted.
            var lines = round % 4 == 3 ? 1 : random.Next(1, 3_000);
            await RunUntilKilledAsync(folder, lines, submitted, completed);

            await using var store = await TestStore.OpenAsync(TestStore.Options(folder));
            await store.CheckAsync(submitted, completed);
            Assert.Equal("ok", TestStore.Integrity(TestStore.Options(folder)));
        }

        output.WriteLine($"{submitted.Count} submitted, {completed.Count} completed");
        Assert.NotEmpty(completed);
    }

    private static async Task RunUntilKilledAsync(
        TempFolder folder,
        int lines,
        HashSet<long> submitted,
        HashSet<long> completed
    )
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment[CrashingWriter.Variable] = folder.Path;
        using var child = Process.Start(start)!;
        var seen = 0;
        while (await child.StandardOutput.ReadLineAsync(TestStore.Token) is { } line)
        {
            if (line is ['S', ' ', .. var accepted])
            {
                submitted.Add(long.Parse(accepted, CultureInfo.InvariantCulture));
            }
            else if (line is ['C', ' ', .. var done])
            {
                completed.Add(long.Parse(done, CultureInfo.InvariantCulture));
            }

            if (++seen == lines)
            {
                child.Kill(); // SIGKILL. What it wrote before is still read to its end.
            }
        }

        await child.WaitForExitAsync(TestStore.Token);
        Assert.True(seen >= lines, "The writing process ended before it was killed.");
    }
}

/// <summary>Before the tests begin: is this the process that is to be killed?</summary>
internal static class Begin
{
#pragma warning disable CA2255 // The entry point of a test program is generated and cannot be told.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void AsAsked() => CrashingWriter.RunIfAsked();
}
