using System.Text;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Tests.Support;
using static Pollard.Tasks.Tests.Support.BegunAnswer;

namespace Pollard.Tasks.Tests;

/// <summary>Hosts that give an answer anew which they were to go on with, and such as only seem to.</summary>
public class SeamTests
{
    private const string Begun = "Once upon a time there was a gateway that kept its word, whatever ";
    private const string Rest = "became of the hosts behind it.";

    [Fact]
    public async Task A_host_that_starts_over_is_found_out_before_anybody_sees_it()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, Begun);
        var liar = Able(gateway, "liar");
        Lose(gateway, first);
        var anew = await liar.UntilWorkAsync();
        var shown = task.EventCount;

        var outcomes = Words(Begun).Select(word => TestHost.Say(anew, word)).ToList();

        Assert.Equal(AppendOutcome.Taken, outcomes[0]);
        Assert.Equal(AppendOutcome.Fenced, outcomes[^1]);
        Assert.Equal(shown + 1, task.EventCount); // That it was interrupted.
        Assert.Equal("started_over", (await liar.UntilCancelAsync()).Reason);
        var going = await Able(gateway, "second").UntilWorkAsync();
        Assert.Equal(Begun, going.Continue?.Text);
        TestHost.Say(going, Rest);
        TestHost.Finish(going);
        Assert.Equal(Begun + Rest, await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task Who_started_over_is_not_asked_again_before_it_comes_back()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, Begun);
        var liar = Able(gateway, "liar");
        Lose(gateway, first);
        var anew = await liar.UntilWorkAsync();
        TestHost.Say(anew, Begun);
        anew.Free();

        Pass(gateway, TimeSpan.FromSeconds(8), liar); // Longer than a host is avoided for a failure.
        Assert.False(liar.HasOffer);
        liar.Connection.SetModels([new ModelInfo { Name = "m", Capabilities = [ModelInfo.Prefill] }]); // It may say what it likes.
        Assert.False(liar.HasOffer);
        await gateway.SubmitAsync();
        await liar.UntilWorkAsync(); // For all else it is as good as any.

        liar.Connection.Disconnect();
        var going = await Able(gateway, "liar").UntilWorkAsync();
        Assert.Equal((Begun, task.Row.Id), (going.Continue?.Text, going.TaskId));
    }

    [Fact]
    public async Task Words_that_are_the_same_for_a_while_are_shown_as_soon_as_another_comes()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, Begun);
        var second = Able(gateway, "second");
        Lose(gateway, first);
        var going = await second.UntilWorkAsync();
        var shown = task.EventCount;

        TestHost.Say(going, "{}", DeltaKind.Progress);
        Assert.Equal(shown + 1, task.EventCount);
        TestHost.Say(going, "Once upon ");
        TestHost.Say(going, "{}", DeltaKind.Progress);
        TestHost.Say(going, "a time th");
        Assert.Equal(shown + 1, task.EventCount);
        TestHost.Say(going, "at");
        Assert.Equal(shown + 5, task.EventCount);
        TestHost.Finish(going);

        Assert.Equal(Begun + "Once upon a time that", await TestEngine.ResultAsync(task));
        var after = (await TestEngine.EventsAsync(task, shown - 1)).Select(static item => item.Type).Take(5);
        Assert.Equal(
            [TaskEventType.Phase, TaskEventType.Delta, TaskEventType.Phase, TaskEventType.Delta, TaskEventType.Delta],
            after
        );
    }

    [Theory]
    [InlineData(
        "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a ",
        "a a a a a a a a a a a a a a a a a a a a a a a a a a"
    )]
    [InlineData(
        "| host | models | state |\n|---|---|---|\n| one | a | idle |\n\n| host | models | state |\n|---|---|---|\n| two | b | busy |\n\n",
        "| host | models | state |\n|---|---|---|\n| three | c | idle |"
    )]
    [InlineData("We will, we will ", "We will, we will rock you")] // Too short to tell.
    [InlineData("Once upon a time there was a gateway. ", "Once upon a time")]
    public async Task An_answer_that_repeats_itself_goes_on(string begun, string rest)
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, begun);
        var second = Able(gateway, "second");
        Lose(gateway, first);

        var going = await second.UntilWorkAsync();
        foreach (var word in Words(rest))
        {
            TestHost.Say(going, word);
        }

        TestHost.Finish(going);
        Assert.Equal(begun + rest, await TestEngine.ResultAsync(task));
    }

    [Theory]
    [InlineData("Once upon a time there was a gateway. ", "Once upon a time there was a gateway. And")] // All of a short one.
    [InlineData(Begun, "Once upon a time there was")] // It ends with it, at its limit of tokens.
    public async Task So_much_of_the_beginning_is_told_apart(string begun, string said)
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, begun);
        var liar = Able(gateway, "liar");
        Lose(gateway, first);

        var anew = await liar.UntilWorkAsync();
        TestHost.Say(anew, said);
        Assert.Equal(AppendOutcome.Fenced, TestHost.Finish(anew));

        Assert.Equal((TaskState.Pending, TaskStage.Interrupted), (task.Row.State, task.Row.Stage));
    }

    [Fact]
    public async Task Who_begins_to_think_does_not_go_on()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, Begun);
        var liar = Able(gateway, "liar");
        Lose(gateway, first);

        Assert.Equal(AppendOutcome.Fenced, TestHost.Say(await liar.UntilWorkAsync(), "hm", DeltaKind.Reasoning));

        Assert.Equal(TaskStage.Interrupted, task.Row.Stage);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(100)]
    public async Task Pieces_may_be_cut_within_characters(int bytes)
    {
        const string Story = "Es war einmal – so schön 🌿 und so grün 🌿 – ein Tor zur Welt.";
        const string Other = "Es war einmal – so schön 🌱";
        await using var gateway = await TestEngine.StartAsync();
        foreach (var (said, goesOn) in ((string, bool)[])[(Other, true), (Story, false)])
        {
            var (task, attempt, first) = await BegunAsync(gateway);
            TestHost.Say(attempt, Story);
            var second = Able(gateway, "second");
            Lose(gateway, first);

            var going = await second.UntilWorkAsync();
            var outcomes = Encoding
                .UTF8.GetBytes(said)
                .Chunk(bytes)
                .Select(piece => TestHost.Say(going, piece))
                .ToList();

            Assert.Equal(goesOn ? AppendOutcome.Taken : AppendOutcome.Fenced, outcomes[^1]);
            TestHost.Finish(going);
            Assert.Equal(goesOn, task.Row.State == TaskState.Completed);
            second.Connection.Disconnect();
        }
    }

    [Fact]
    public async Task What_is_held_back_dies_with_its_host()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, Begun);
        var second = Able(gateway, "second");
        Lose(gateway, first);
        TestHost.Say(await second.UntilWorkAsync(), "Once upon");

        var third = Able(gateway, "third");
        Lose(gateway, second);

        Assert.Equal(Begun, (await third.UntilWorkAsync()).Continue?.Text);
        Assert.Equal(3, task.Row.Attempt);
        Assert.Equal(4, task.Row.MaxAttempts); // The second added nothing: its try counts.
    }

    [Fact]
    public async Task What_is_held_back_is_not_acknowledged()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway, LostOutput.Restart, Durability.Full);
        TestHost.Say(attempt, Begun);
        var second = Able(gateway, "second");
        first.Connection.Disconnect();
        gateway.Clock.Advance(TimeSpan.FromSeconds(4));
        var going = await second.UntilWorkAsync();

        TestHost.Say(going, "Once ");
        TestHost.Say(going, "upon ");
        TestHost.Say(going, "the ");
        gateway.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(3, await second.UntilAcknowledgedAsync());

        TestHost.Finish(going);
        Assert.Equal(Begun + "Once upon the ", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task A_second_host_that_says_the_same_and_then_goes_on_is_believed()
    {
        const string Refrain = "Row, row, row your boat, gently down the stream, merrily\n";
        const string Verse = "Life is but a dream, and so is all that seems.\n";
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, Refrain + Verse);
        var second = Able(gateway, "second");
        Lose(gateway, first);
        TestHost.Say(await second.UntilWorkAsync(), Refrain);

        var third = await Able(gateway, "third").UntilWorkAsync();
        TestHost.Say(third, Refrain);
        TestHost.Say(third, "If you see a crocodile, do not forget to scream.\n");
        TestHost.Finish(third);

        Assert.EndsWith("to scream.\n", await TestEngine.ResultAsync(task), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_hosts_that_say_all_of_it_again_end_the_going_on()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway, LostOutput.Restart);
        TestHost.Say(attempt, Begun);
        List<TestHost> liars = [Able(gateway, "second"), Able(gateway, "third")];
        Lose(gateway, first);
        while (liars.Find(static host => host.HasOffer) is { } liar)
        {
            var anew = await liar.UntilWorkAsync();
            Assert.Equal(Begun, anew.Continue?.Text);
            TestHost.Say(anew, Begun);
            liars.Remove(liar);
        }

        Assert.Empty(liars);
        var fourth = await Able(gateway, "fourth").UntilWorkAsync();
        Assert.Null(fourth.Continue);
        TestHost.Say(fourth, "anew");
        TestHost.Finish(fourth);

        Assert.Equal("anew", await TestEngine.ResultAsync(task));
    }

    private static IEnumerable<string> Words(string text)
    {
        for (int from = 0, to; from < text.Length; from = to)
        {
            to = text.IndexOf(' ', from) is var blank and >= 0 ? blank + 1 : text.Length;
            yield return text[from..to];
        }
    }
}
