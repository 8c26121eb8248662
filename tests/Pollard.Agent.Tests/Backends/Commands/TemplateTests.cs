using Pollard.Agent.Backends;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Backends.Commands;

/// <summary>Real processes: how a command is started, fed, read, and seen off.</summary>
public sealed class TemplateTests : IDisposable
{
    private readonly CommandBench _bench = new();
    private readonly RecordingOutput _output = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task The_prompt_is_the_input_and_the_output_is_the_answer()
    {
        var tool = _bench.Tool("echo answer; cat");

        var result = await tool.RunAsync(Work.Chat(text: "one $(two) `three`"), _output, Token);

        Assert.Equal("answer\none $(two) `three`", _output.Content);
        Assert.Equal(["stop"], result.Finish!.FinishReasons!);
        Assert.Empty(_bench.LeftOver);
    }

    [Fact]
    public async Task The_prompt_is_a_file_where_an_argument_says_so_and_nothing_is_read_as_shell()
    {
        var tool = _bench.Tool(
            "cat \"$1\"; echo; echo \"$2|$3|$4\"; pwd; cat",
            "{prompt_file}",
            "-m={model}",
            "a b; c",
            "{dir}"
        );

        await tool.RunAsync(Work.Chat(text: "hello; exit 3", members: "\"temperature\":0.2"), _output, Token);

        var lines = _output.Content.Split('\n');
        Assert.Equal("hello; exit 3", lines[0]);
        Assert.Equal($"-m=pollard-demo|a b; c|{lines[2]}", lines[1]);
        Assert.StartsWith(_bench.RunsFolder, lines[2], StringComparison.Ordinal);
        Assert.Equal("", lines[3]); // The input was empty and is closed.
        Assert.False(Directory.Exists(lines[2]));
    }

    [Fact]
    public async Task Work_of_the_kind_command_may_be_a_bare_prompt()
    {
        var tool = _bench.Tool("cat");

        await tool.RunAsync(Work.Of("command", """{"prompt":"just this"}"""), _output, Token);

        Assert.Equal("just this", _output.Content);
    }

    [Fact]
    public async Task Characters_that_come_in_halves_come_out_whole()
    {
        var tool = _bench.Tool("printf '\\303'; sleep 0.05; printf '\\244\\377'");

        await tool.RunAsync(Work.Chat(), _output, Token);

        Assert.Equal("ä\uFFFD", _output.Content);
    }

    [Fact]
    public async Task An_exit_code_is_a_failure_with_the_end_of_the_error_stream()
    {
        var tool = _bench.Tool("echo 'no such\tmodel' >&2; exit 7");

        var failure = (await tool.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.Equal(("command_failed", true), (failure.Code, failure.Retryable));
        Assert.Equal("tool exited with code 7: no such model", failure.Message);
        Assert.Empty(_bench.LeftOver);
    }

    [Fact]
    public async Task A_flood_of_errors_holds_nothing_up_and_only_its_end_is_kept()
    {
        var tool = _bench.Tool("head -c 3000000 /dev/zero | tr '\\0' e >&2; echo the end >&2; exit 1");

        var failure = (await tool.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.EndsWith("eethe end", failure.Message, StringComparison.Ordinal);
        Assert.InRange(failure.Message.Length, 400, 600);
    }

    [Fact]
    public async Task Output_has_a_bound_at_which_the_command_is_killed()
    {
        var tool = _bench.Backend(
            new TemplateOptions
            {
                Name = "tool",
                Words = [_bench.Script("echo $$ > ../../../../pid; while :; do echo more; done")],
                LongestAnswerBytes = 100_000,
            }
        );

        var failure = (await tool.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.False(failure.Retryable);
        Assert.Contains("more than 100000 bytes", failure.Message, StringComparison.Ordinal);
        Assert.False(CommandBench.Lives(await _bench.UntilWrittenAsync("pid", Token)));
        Assert.InRange(_output.Content.Length, 1, 100_000);
    }

    [Fact]
    public async Task Only_listed_variables_reach_the_command_and_their_values_stay_out_of_messages()
    {
        Environment.SetEnvironmentVariable("POLLARD_TEST_SECRET", "sesame-42");
        Environment.SetEnvironmentVariable("POLLARD_TEST_OTHER", "hidden");
        TemplateOptions options = new()
        {
            Name = "tool",
            Words = [_bench.Script("env | cut -d= -f1 | sort; echo \"key $POLLARD_TEST_SECRET\" >&2; exit 1")],
            Environment = ["POLLARD_TEST_SECRET"],
        };

        var failure = (await _bench.Backend(options).RunAsync(Work.Chat(), _output, Token)).Failure!;

        var names = _output.Content.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] expected =
        [
            "HOME",
            "LANG",
            "PATH",
            "POLLARD_RUN",
            "POLLARD_TEST_SECRET",
            "PWD",
            "TERM",
            "TMPDIR",
            "_",
        ];
        Assert.Contains("POLLARD_TEST_SECRET", names);
        Assert.Subset(expected.ToHashSet(StringComparer.Ordinal), names.ToHashSet(StringComparer.Ordinal));
        Assert.Contains("key ***", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sh -c 'echo $$ > CHILD; exec sleep 600'")] // In its own group.
    [InlineData("(setsid sh -c 'echo $$ > CHILD; exec sleep 600' &)")] // A daemon: neither in the session nor below it.
    [InlineData("env -i /bin/sh -c 'echo $$ > CHILD; exec /bin/sleep 600'")] // Without the mark.
    public async Task A_cancelled_run_is_gone_with_all_that_it_started(string descendant)
    {
        var child = descendant.Replace("CHILD", Path.Combine(_bench.Folder, "child"), StringComparison.Ordinal);
        var tool = _bench.Tool($"trap '' TERM; {child} & echo $$ > {_bench.Folder}/pid; while :; do sleep 1; done");
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var run = tool.RunAsync(Work.Chat(), _output, cancel.Token);
        string[] ids = [await _bench.UntilWrittenAsync("pid", Token), await _bench.UntilWrittenAsync("child", Token)];
        Assert.All(ids, id => Assert.True(CommandBench.Lives(id)));

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.DoesNotContain(ids, CommandBench.Lives);
        Assert.Empty(_bench.LeftOver);
    }

    [Fact]
    public async Task A_command_that_leaves_a_child_with_its_output_ends_all_the_same()
    {
        var tool = _bench.Tool($"sleep 600 & echo $! > {_bench.Folder}/child; echo done");

        var result = await tool.RunAsync(Work.Chat(), _output, Token);

        Assert.NotNull(result.Finish);
        Assert.Equal("done\n", _output.Content);
        Assert.False(CommandBench.Lives(await _bench.UntilWrittenAsync("child", Token)));
    }

    [Fact]
    public async Task A_command_that_reads_nothing_of_a_large_prompt_answers_all_the_same()
    {
        var tool = _bench.Tool("echo done");

        var result = await tool.RunAsync(Work.Chat(text: new string('x', 1_000_000)), _output, Token);

        Assert.NotNull(result.Finish);
        Assert.Equal("done\n", _output.Content);
    }

    [Fact]
    public async Task More_runs_than_slots_wait_for_their_turn_and_say_so()
    {
        using var runs = _bench.Runs(slots: 2);
        var script = _bench.Script(
            $"cat > /dev/null; echo $$ >> {_bench.Folder}/started; until [ -e {_bench.Folder}/go ]; do sleep 0.01; done"
        );
        var tool = _bench.Backend(new TemplateOptions { Name = "tool", Words = [script] }, runs);
        RecordingOutput[] outputs = [new(), new(), new()];
        var started = outputs.Select((output, i) => tool.RunAsync(Numbered(i), output, Token)).ToList();
        await Task.WhenAny(outputs.Select(output => output.First)).WaitAsync(Token);
        while (
            !File.Exists(Path.Combine(_bench.Folder, "started"))
            || (await File.ReadAllLinesAsync(Path.Combine(_bench.Folder, "started"), Token)).Length < 2
        )
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }

        Assert.Equal(2, (await File.ReadAllLinesAsync(Path.Combine(_bench.Folder, "started"), Token)).Length);
        Assert.Single(
            outputs,
            output => output.Text(DeltaKind.Progress).Contains("\"phase\":\"waiting\"", StringComparison.Ordinal)
        );

        _bench.Script("", "go");
        var results = await Task.WhenAll(started);

        Assert.All(results, result => Assert.NotNull(result.Finish));
    }

    [Fact]
    public async Task Many_runs_at_once_each_answer_their_own_prompt()
    {
        var tool = _bench.Tool("cat");

        var answers = await Task.WhenAll(
            Enumerable
                .Range(0, 60)
                .Select(async i =>
                {
                    RecordingOutput output = new();
                    await tool.RunAsync(Numbered(i), output, Token);
                    return output.Content;
                })
        );

        Assert.Equal(Enumerable.Range(0, 60).Select(i => $"prompt {i}"), answers);
    }

    [Fact]
    public async Task A_command_that_is_not_there_offers_nothing_until_it_is()
    {
        var tool = _bench.Backend(
            new TemplateOptions
            {
                Name = "tool",
                Words = [Path.Combine(_bench.Folder, "tool")],
                Models = ["large"],
            }
        );

        Assert.Empty(await tool.DiscoverAsync(Token));
        _bench.Script("cat");

        var offered = await tool.DiscoverAsync(Token);
        Assert.Equal(["tool", "tool/large"], offered.Select(model => model.Name));
        Assert.All(offered, model => Assert.Equal(["chat", "command"], model.Kinds!));
        Assert.Equal("command", offered[0].Engine);
    }

    [Theory]
    [InlineData("\"response_format\":{\"type\":\"json_object\"}", "response_format")]
    [InlineData("\"tools\":[{}]", "tools")]
    [InlineData("\"n\":2", "n")]
    [InlineData("\"stop\":\"x\"", "stop")]
    public async Task What_a_command_cannot_do_is_refused_by_name(string member, string parameter)
    {
        var failure = (await _bench.Tool("cat").RunAsync(Work.Chat(member), _output, Token)).Failure!;

        Assert.Equal(("unsupported", false, parameter), (failure.Code, failure.Retryable, failure.Parameter));
    }

    [Fact]
    public async Task It_takes_no_servers_of_clients()
    {
        var failure = (
            await _bench.Tool("cat").RunAsync(Work.Chat("\"mcp_config\":{\"mcpServers\":{\"a\":{}}}"), _output, Token)
        ).Failure!;

        Assert.Equal(("bad_request", "mcp_config"), (failure.Code, failure.Parameter));
    }

    private static WorkItem Numbered(int number)
    {
        var work = Work.Chat(text: $"prompt {number}");
        return work with { Offer = work.Offer with { Task = $"task_{number}" } };
    }
}
