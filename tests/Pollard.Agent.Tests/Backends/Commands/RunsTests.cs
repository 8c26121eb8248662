using System.Diagnostics;
using Pollard.Agent.Backends.Commands;

namespace Pollard.Agent.Tests.Backends.Commands;

/// <summary>What an agent that crashed leaves behind, and what the next one does about it.</summary>
public sealed class RunsTests : IDisposable
{
    private readonly CommandBench _bench = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task Processes_that_an_agent_left_running_are_ended_by_the_next_and_its_record_stays()
    {
        using (_bench.Runs())
        {
            // The folder is there now, and free again.
        }

        using var orphan = Process.Start(
            new ProcessStartInfo("/usr/bin/setsid", ["sh", "-c", "sleep 600 & wait"])
            {
                Environment = { [ProcessTable.Variable] = "task_1.abc" },
            }
        )!;
        using var stranger = Process.Start(
            new ProcessStartInfo("sleep", ["600"]) { Environment = { [ProcessTable.Variable] = "task_1.other" } }
        )!;
        RunJournal journal = new(Path.Combine(_bench.RunsFolder, "task_1.run"));
        journal.Write(new("task_1.abc", "claude", "s1", Folder: "spare-taken"));
        new RunJournal(Path.Combine(_bench.RunsFolder, "spare-waiting.run")).Write(new("spare.abc", "claude", null));
        foreach (var name in (string[])["task_1", "task_forgotten", "spare-taken", "spare-waiting"])
        {
            Directory.CreateDirectory(Path.Combine(_bench.RunsFolder, name));
        }

        var runs = _bench.Runs();
        await runs.CleanAsync();
        using var running = await runs.BeginAsync("task_running", free => free, Token);
        running.Create(shared: null);
        runs.DeleteForgotten();

        await orphan.WaitForExitAsync(Token);
        Assert.False(stranger.HasExited);
        stranger.Kill();
        Assert.Equal("s1", journal.Read()!.Session);
        Assert.Equal(
            ["spare-taken", "task_1", "task_1.run", "task_running"],
            _bench.LeftOver.Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public void What_was_kept_for_a_task_that_did_not_come_again_is_deleted_after_a_week()
    {
        var runs = _bench.Runs();
        RunJournal journal = new(Path.Combine(_bench.RunsFolder, "task_1.run"));
        journal.Write(new("task_1.abc", "claude", "s1"));
        Directory.CreateDirectory(Path.Combine(_bench.RunsFolder, "task_1"));
        var written = TimeProvider.System.GetUtcNow().UtcDateTime;
        File.SetLastWriteTimeUtc(Path.Combine(_bench.RunsFolder, "task_1.run"), written.AddDays(-6));
        runs.DeleteForgotten();
        Assert.NotEmpty(_bench.LeftOver);

        File.SetLastWriteTimeUtc(Path.Combine(_bench.RunsFolder, "task_1.run"), written.AddDays(-8));
        runs.DeleteForgotten();

        Assert.Empty(_bench.LeftOver);
    }

    [Fact]
    public async Task Two_agents_with_one_state_directory_do_not_end_each_others_runs()
    {
        var first = _bench.Runs();
        using var folder = await first.BeginAsync("task_1", free => free, Token);
        folder.Create(shared: null);
        using var running = Process.Start(
            new ProcessStartInfo("sleep", ["600"]) { Environment = { [ProcessTable.Variable] = "task_1.abc" } }
        )!;
        folder.Remember("task_1.abc", "claude", session: null);

        await _bench.Runs().CleanAsync();

        Assert.False(running.HasExited);
        running.Kill();
        Assert.True(Directory.Exists(folder.WorkingDirectory));
    }

    [Fact]
    public async Task A_task_that_comes_again_waits_for_its_earlier_run_and_others_do_not()
    {
        var runs = _bench.Runs();
        var first = await runs.BeginAsync("task_1", free => free, Token);
        var second = runs.BeginAsync("task_1", free => free, Token);
        using var third = await runs.BeginAsync("task_2", free => free, Token);
        using var given = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var gaveUp = runs.BeginAsync("task_1", free => free, given.Token);
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gaveUp);
        var fourth = runs.BeginAsync("task_1", free => free, Token);

        Assert.False(second.IsCompleted);
        first.Dispose();
        var again = await second;
        Assert.False(fourth.IsCompleted);
        again.Dispose();
        (await fourth).Dispose();
    }

    [Theory]
    [InlineData("../../etc")]
    [InlineData("a/b")]
    [InlineData("")]
    public async Task An_id_that_is_no_name_becomes_one(string task)
    {
        using var folder = await _bench.Runs().BeginAsync(task, free => free, Token);

        Assert.Equal(_bench.RunsFolder, Path.GetDirectoryName(Path.GetDirectoryName(folder.WorkingDirectory)));
    }
}
