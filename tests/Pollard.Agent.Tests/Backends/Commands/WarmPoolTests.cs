using Pollard.Agent.Backends;

namespace Pollard.Agent.Tests.Backends.Commands;

/// <summary>Programs that are started before work comes.</summary>
public sealed class WarmPoolTests : IDisposable
{
    private const string Bob =
        """{"messages":[{"role":"system","content":"You are Bob."},{"role":"user","content":"Tell me of willows"}]}""";

    private readonly CommandBench _bench = new();
    private readonly RecordingOutput _output = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task Work_takes_a_program_that_waits_and_another_takes_its_place()
    {
        await using (var claude = Claude())
        {
            await claude.DiscoverAsync(Token);
            var waiting = await StartsAsync(1);

            var result = await claude.RunAsync(Work.Of("chat", Chat, "claude"), _output, Token);

            Assert.NotNull(result.Finish);
            Assert.Equal("yes", _output.Content);
            Assert.Equal(waiting[0].Id, Answered);
            var after = await StartsAsync(2);
            Assert.True(CommandBench.Lives(after[1].Id));
            Assert.Single(Folders);
        }

        Assert.All(await StartsAsync(2), start => Assert.False(CommandBench.Lives(start.Id)));
        Assert.Empty(_bench.LeftOver);
    }

    [Fact]
    public async Task What_is_asked_for_again_is_what_is_started_for()
    {
        await using var claude = Claude();
        await claude.DiscoverAsync(Token);
        await StartsAsync(1);

        await claude.RunAsync(Work.Of("chat", Bob, "claude/opus"), _output, Token);
        var first = await StartsAsync(2);
        await claude.RunAsync(Work.Of("chat", Bob, "claude/opus"), _output, Token);
        var waiting = await StartsAsync(4);
        await claude.RunAsync(Work.Of("chat", Bob, "claude/opus"), _output, Token);

        Assert.DoesNotContain("--system-prompt-file", first[0].Arguments, StringComparison.Ordinal);
        Assert.Contains("--model opus", waiting[3].Arguments, StringComparison.Ordinal);
        Assert.Equal(waiting[3].Id, Answered);
        Assert.Equal("You are Bob.", await File.ReadAllTextAsync(Path.Combine(_bench.Folder, "system"), Token));
        Assert.False(CommandBench.Lives(waiting[0].Id)); // Nobody had asked for that one.
    }

    [Fact]
    public async Task A_program_that_ended_while_it_waited_costs_no_task()
    {
        await using var claude = Claude("[ $(wc -l < starts) = 1 ] && exit 1");
        await claude.DiscoverAsync(Token);
        var died = await StartsAsync(1);

        var result = await claude.RunAsync(Work.Of("chat", Chat, "claude"), _output, Token);

        Assert.NotNull(result.Finish);
        Assert.NotEqual(died[0].Id, Answered);
    }

    [Fact]
    public async Task A_run_that_was_broken_off_goes_on_in_the_directory_in_which_it_began()
    {
        string began;
        await using (var claude = Claude(last: "exit 9"))
        {
            await claude.DiscoverAsync(Token);
            await StartsAsync(1);
            await claude.RunAsync(Work.Of("chat", Chat, "claude"), _output, Token);
            began = Directory;
        }

        await using var again = Claude();
        await again.DiscoverAsync(Token); // Must not take what the task left behind for forgotten.
        await again.RunAsync(Work.Of("chat", Chat, "claude"), _output, Token);

        Assert.Contains("/spare-", began, StringComparison.Ordinal);
        Assert.Equal(began, Directory);
        Assert.Single(Folders); // The one that waits for work.
    }

    private const string Chat = """{"messages":[{"role":"user","content":"Tell me of willows"}]}""";

    /// <summary>The process that gave the last answer.</summary>
    private string Answered => File.ReadAllText(Path.Combine(_bench.Folder, "answered")).Trim();

    /// <summary>Where that was started.</summary>
    private string Directory => File.ReadAllText(Path.Combine(_bench.Folder, "directory")).Trim();

    private IEnumerable<string> Folders =>
        _bench.LeftOver.Where(name => System.IO.Directory.Exists(Path.Combine(_bench.RunsFolder, name)));

    private CommandRuns? _runs;

    /// <summary>A script that says that it started, waits for its input and answers.</summary>
    private CommandBackend Claude(string first = ":", string last = ":")
    {
        var script = $$"""
            directory=$PWD
            cd {{_bench.Folder}}
            echo "$$ $*" >> starts
            {{first}}
            cat > input
            echo $$ > answered
            echo $directory > directory
            while [ $# -gt 0 ]; do
              [ "$1" = --system-prompt-file ] && cat "$2" > system
              shift
            done
            echo '{"type":"system","subtype":"init","session_id":"0a2b0000-0000-4000-8000-000000000001","model":"opus"}'
            {{last}}
            echo '{"type":"result","subtype":"success","is_error":false,"result":"yes"}'
            """;
        ClaudeCodeOptions options = new() { Program = _bench.Script(script, "claude"), Warm = 1 };
        return _bench.Backend(options, _runs ??= _bench.Runs());
    }

    /// <summary>Waits for so many starts, and gives what they were.</summary>
    private async Task<IReadOnlyList<(string Id, string Arguments)>> StartsAsync(int count)
    {
        while (true)
        {
            var text = File.Exists(Path.Combine(_bench.Folder, "starts"))
                ? await File.ReadAllTextAsync(Path.Combine(_bench.Folder, "starts"), Token)
                : "";
            var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (lines.Length >= count && text.EndsWith('\n'))
            {
                return [.. lines.Select(line => line.Split(' ', 2)).Select(words => (words[0], words[1]))];
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }
}
