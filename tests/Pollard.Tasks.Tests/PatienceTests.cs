using System.Buffers;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

/// <summary>How long a host may take: limits that follow what was measured must not end what is merely slow.</summary>
public sealed class PatienceTests
{
    private const int Fast = 6;

    [Fact]
    public async Task A_command_may_work_for_as_long_as_the_task_may_while_it_shows_signs_of_life()
    {
        var options = new TaskEngineOptions { FirstToken = (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30)) };
        await using var gateway = await TestEngine.StartAsync(options: options);
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        host.Connection.SetModels([new() { Name = "m", Kinds = ["chat", "command"] }]);
        var task = await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();

        for (var i = 0; i < 9; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(10));
            host.Connection.Touch();
            attempt.Append(i, Protocol.HostLink.DeltaKind.Progress, 0, new("{}"u8.ToArray()));
        }

        Assert.Equal(TaskState.Running, task.Row.State);
        for (var i = 0; i < 3; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(11));
            host.Connection.Touch(); // The machine lives, the command does not say that it does.
        }

        Assert.Equal("first_token_late", (await host.UntilCancelAsync()).Reason);
    }

    [Fact]
    public async Task A_host_that_is_always_quick_is_not_waited_for_long()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = await QuickHostAsync(gateway);
        await gateway.SubmitAsync();
        await host.UntilWorkAsync();

        Pass(gateway, host, seconds: 6);

        Assert.Equal("first_token_late", (await host.UntilCancelAsync()).Reason);
    }

    [Fact]
    public async Task A_host_that_answers_as_a_whole_has_the_same_time_for_each_answer()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = await QuickHostAsync(gateway, answerWithin: TimeSpan.FromSeconds(130));
        var slow = await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();

        Pass(gateway, host, seconds: 120);
        TestHost.Say(attempt, "a long story");
        TestHost.Finish(attempt);
        await gateway.SubmitAsync();
        await host.UntilWorkAsync();
        Pass(gateway, host, seconds: 131);

        Assert.Equal("a long story", await TestEngine.ResultAsync(slow));
        Assert.Equal("first_token_late", (await host.UntilCancelAsync()).Reason);
    }

    [Fact]
    public async Task A_longer_request_is_given_the_time_to_read_it()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = await QuickHostAsync(gateway);
        var task = await gateway.SubmitAsync(with: static task => task with { Request = new byte[4_000] });
        var attempt = await host.UntilWorkAsync();

        Pass(gateway, host, seconds: 20); // 15 bytes took 0.1 s: 4,000 may take 27.
        TestHost.Say(attempt, "read");
        TestHost.Finish(attempt);

        Assert.Equal("read", await TestEngine.ResultAsync(task));
    }

    [Theory]
    [InlineData("m", 180, "chat")]
    [InlineData("other", 0, "chat")]
    [InlineData("m", 0, "completion")]
    public async Task A_model_that_may_have_to_be_loaded_first_is_given_the_time(string last, int idle, string kind)
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = await QuickHostAsync(gateway);
        if (last != "m")
        {
            await AnswerAsync(gateway, host, last);
        }

        Pass(gateway, host, idle);
        var task = await gateway.SubmitAsync(with: task => task with { Kind = kind });
        var attempt = await host.UntilWorkAsync();
        Pass(gateway, host, seconds: 60);
        TestHost.Say(attempt, "loaded");
        TestHost.Finish(attempt);

        Assert.Equal("loaded", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task A_quick_stream_may_stand_still_while_a_call_of_a_tool_is_gathered()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = await QuickHostAsync(gateway);
        var task = await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();
        TestHost.Say(attempt, "I call ");

        Pass(gateway, host, seconds: 25);
        TestHost.Say(attempt, "a tool");
        TestHost.Finish(attempt);

        Assert.Equal("I call a tool", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_not_its_host_standing_still()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = await QuickHostAsync(gateway);
        var task = await gateway.SubmitAsync(with: static task =>
            task with
            {
                Stream = true,
                LostOutput = LostOutput.Fail,
            }
        );
        var attempt = await host.UntilWorkAsync();
        var reader = task.ReadEvents();
        Fill(attempt, LinkLimits.CreditWindowBytes);

        Pass(gateway, host, seconds: 120);
        var running = task.Row.State;
        while (reader.TryRead(out _)) { } // It reads on, and from here on the host's time counts.
        Pass(gateway, host, seconds: 29);
        var still = task.Row.State;
        Pass(gateway, host, seconds: 10);

        Assert.Equal((TaskState.Running, TaskState.Running), (running, still));
        Assert.Equal("stalled", (await host.UntilCancelAsync()).Reason);
    }

    [Fact]
    public async Task Output_that_nobody_waits_for_holds_no_host_up()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = await QuickHostAsync(gateway);
        await gateway.SubmitAsync(with: static task => task with { Stream = true, LostOutput = LostOutput.Restart });
        var attempt = await host.UntilWorkAsync();

        Fill(attempt, LinkLimits.CreditWindowBytes);

        Assert.Equal(LinkLimits.CreditWindowBytes, host.Credits.Sum());
    }

    private static async Task<TestHost> QuickHostAsync(TestEngine gateway, TimeSpan? answerWithin = null)
    {
        var host = new TestHost(gateway.Engine, "host", slots: 1, HostRole.Worker, answerWithin, "m", "other").Ready();
        for (var i = 0; i < Fast; i++)
        {
            await AnswerAsync(gateway, host, "m");
        }

        return host;
    }

    private static async Task AnswerAsync(TestEngine gateway, TestHost host, string model)
    {
        var task = await gateway.SubmitAsync(model);
        var attempt = await host.UntilWorkAsync();
        gateway.Clock.Advance(TimeSpan.FromMilliseconds(100));
        TestHost.Say(attempt, "quick ");
        gateway.Clock.Advance(TimeSpan.FromMilliseconds(10));
        TestHost.Say(attempt, "answer");
        TestHost.Finish(attempt);
        await TestEngine.EndAsync(task);
    }

    private static void Fill(Attempt attempt, int bytes)
    {
        for (var sent = 0; sent < bytes; sent += 8 * 1024)
        {
            var piece = new ReadOnlySequence<byte>(new byte[8 * 1024]);
            Assert.Equal(AppendOutcome.Taken, attempt.Append(attempt.NextSeq, DeltaKind.Content, 0, piece));
            attempt.Flush();
        }
    }

    private static void Pass(TestEngine gateway, TestHost host, int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(1));
            host.Connection.Touch();
        }
    }
}
