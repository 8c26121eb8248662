using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>Hosts that break the rules once they are let in: their own link ends or their word counts for nothing, and no task is harmed.</summary>
public sealed class BadHostTests
{
    private const string Failure = """{"code":"x","message":"y","retryable":false}""";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(FrameType.Delta, "mine")]
    [InlineData(FrameType.Finish, "{}")]
    [InlineData(FrameType.Fail, Failure)]
    [InlineData(FrameType.Accept, "")]
    [InlineData(FrameType.Free, "")]
    public async Task A_word_on_anothers_attempt_ends_the_link_and_changes_nothing(FrameType type, string payload)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var (owner, task, handle) = await RunAsync(gateway);
        var thief = await RawLink.OpenAsync(gateway, "thief");

        thief.Say(type, payload, handle);
        var goAway = await thief.UntilGoAwayAsync();
        owner.Say(FrameType.Delta, "right", handle);
        owner.Say(FrameType.Finish, "{}", handle, sequence: 1);

        Assert.Equal("protocol", goAway.Code);
        Assert.Contains("was not offered", goAway.Reason, StringComparison.Ordinal);
        Assert.Equal("right", await LinkGateway.ResultAsync(task));
        owner.End();
    }

    [Fact]
    public async Task Whoever_steals_the_token_of_an_attempt_cannot_go_on_with_it()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var owner = await RawLink.OpenAsync(gateway, "owner");
        var task = await gateway.SubmitAsync();
        var (header, payload) = await owner.UntilAsync(FrameType.Offer);
        owner.Say(FrameType.Accept, handle: header.Attempt);
        var token = OfferPayload.Read(payload).Offer.Attempt;

        var thief = RawLink.Begin(gateway, "thief");
        thief.Say(FrameType.Hello, Resuming(token, acked: 0));
        var (_, answer) = await thief.UntilAsync(FrameType.HelloOk);
        owner.Say(FrameType.Finish, "{}", header.Attempt);

        Assert.True(Verdict(answer).Fenced);
        Assert.Equal("", await LinkGateway.ResultAsync(task));
        owner.End();
        thief.End();
    }

    [Fact]
    public async Task A_host_that_says_it_was_acknowledged_what_never_came_cannot_go_on()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var link = await RawLink.OpenAsync(gateway);
        await gateway.SubmitAsync();
        var (header, payload) = await link.UntilAsync(FrameType.Offer);
        link.Say(FrameType.Accept, handle: header.Attempt);
        link.Say(FrameType.Delta, "a", header.Attempt);

        var again = RawLink.Begin(gateway);
        again.Say(FrameType.Hello, Resuming(OfferPayload.Read(payload).Offer.Attempt, acked: 7));
        var (_, answer) = await again.UntilAsync(FrameType.HelloOk);

        Assert.True(Verdict(answer).Fenced);
        again.End();
    }

    [Fact]
    public async Task A_clone_that_comes_later_has_the_host_and_the_earlier_ones_words_are_heard_no_more()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var (first, task, handle) = await RunAsync(gateway);

        var clone = await RawLink.OpenAsync(gateway);
        first.Say(FrameType.Finish, "{}", handle);
        var goAway = await first.UntilGoAwayAsync();

        Assert.Equal(("replaced", null), (goAway.Code, goAway.ReconnectSeconds));
        Assert.False(task.Row.IsFinal);
        Assert.Single(gateway.Engine.Hosts.List());
        clone.End();
    }

    [Fact]
    public async Task Output_with_a_gap_ends_the_link_and_output_that_comes_again_counts_once()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var (link, task, handle) = await RunAsync(gateway);
        link.Say(FrameType.Delta, "a", handle, sequence: 0);
        link.Say(FrameType.Delta, "other", handle, sequence: 0);
        link.Say(FrameType.Delta, "b", handle, sequence: 1);
        link.Say(FrameType.Delta, "other", handle, sequence: 0);
        link.Say(FrameType.Finish, "{}", handle, sequence: 2);
        var result = await LinkGateway.ResultAsync(task);
        await gateway.SubmitAsync();
        var next = await link.UntilOfferAsync();
        link.Say(FrameType.Accept, handle: next);

        link.Say(FrameType.Delta, "c", next, sequence: 5);

        Assert.Equal("ab", result);
        Assert.Contains(
            "output 0 is missing before 5",
            (await link.UntilGoAwayAsync()).Reason,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task What_comes_after_the_end_of_an_attempt_counts_for_nothing_and_is_answered_once()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var (link, task, handle) = await RunAsync(gateway);
        link.Say(FrameType.Delta, "first", handle);
        link.Say(FrameType.Finish, "{}", handle, sequence: 1);
        var result = await LinkGateway.ResultAsync(task);

        link.Say(FrameType.Delta, "more", handle, sequence: 2);
        link.Say(FrameType.Finish, "{}", handle, sequence: 2);
        link.Say(FrameType.Fail, Failure, handle, sequence: 2);
        await link.UntilAsync(FrameType.Fenced);
        await gateway.SubmitAsync("m"); // The link stands.
        var offer = await link.NextAsync();

        Assert.Equal(FrameType.Offer, offer?.Header.Type);
        Assert.Equal("first", result);
        Assert.Equal((TaskState.Completed, 1), (task.Row.State, task.Row.Attempt));
        link.End();
    }

    [Fact]
    public async Task A_host_that_sends_on_without_credit_is_cut_off()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var link = await RawLink.OpenAsync(gateway);
        await gateway.Engine.SubmitAsync(
            new NewTask // A stream whose client reads nothing.
            {
                Owner = "",
                Kind = "chat",
                Model = "m",
                Request = "{}"u8.ToArray(),
                Stream = true,
                Durability = Durability.Relaxed,
                LostOutput = LostOutput.Fail,
            },
            Token
        );
        var handle = await link.UntilOfferAsync();
        link.Say(FrameType.Accept, handle: handle);
        var frame = new string('x', LinkLimits.FramePayloadBytes);

        link.Say(FrameType.Delta, frame, handle, sequence: 0);
        link.Say(FrameType.Delta, frame, handle, sequence: 1);

        Assert.Contains("credit", (await link.UntilGoAwayAsync()).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Output_over_its_bound_fails_the_task_and_not_the_link()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var link = await RawLink.OpenAsync(gateway);
        var task = await gateway.SubmitAsync(stream: false); // Nobody reads along, so there is credit for all of it.
        var handle = await link.UntilOfferAsync();
        link.Say(FrameType.Accept, handle: handle);
        var frame = new string('x', LinkLimits.FramePayloadBytes);

        for (uint i = 0; !task.Row.IsFinal && i < 100; i++)
        {
            link.Say(FrameType.Delta, frame, handle, i);
        }

        await link.UntilAsync(FrameType.Fenced);
        Assert.Equal("output_too_large", task.Row.Error?.Code);
        link.End();
    }

    [Theory]
    [InlineData(0, 0, "frame type 0")]
    [InlineData(255, 0, "frame type 255")]
    [InlineData((byte)FrameType.Delta, LinkLimits.FramePayloadBytes + 1, "over its limit")]
    [InlineData((byte)FrameType.Heartbeat, uint.MaxValue, "over its limit")]
    [InlineData((byte)FrameType.Status, 0, "cannot be read")]
    public async Task Garbage_ends_the_link_with_a_reason(byte type, uint length, string reason)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var link = await RawLink.OpenAsync(gateway);
        var header = new byte[FrameHeader.Size];
        header[0] = type;
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), length);

        link.Say(header);

        var goAway = await link.UntilGoAwayAsync();
        Assert.Equal("protocol", goAway.Code);
        Assert.Contains(reason, goAway.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FrameType.Slots, """{"total":1025}""")]
    [InlineData(FrameType.Slots, """{"total":-1}""")]
    [InlineData(FrameType.Status, """{"models":[{"name":"<b>"}]}""")]
    [InlineData(FrameType.Status, """{"models":[{"name":"m","digest":"\u001b[2J"}]}""")]
    [InlineData(FrameType.Status, """{"rest":{"code":"paused","reason":"a\u202eb"}}""")]
    public async Task What_a_host_says_of_itself_later_has_the_bounds_of_its_hello(FrameType type, string payload)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var link = await RawLink.OpenAsync(gateway);

        link.Say(type, payload);

        Assert.Equal("protocol", (await link.UntilGoAwayAsync()).Code);
    }

    [Fact]
    public async Task The_message_of_a_failure_is_shortened_to_one_line_that_can_be_seen()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var (link, task, handle) = await RunAsync(gateway);
        var message = "no\\u001b[31m memory\\nstate  completed\\u202e" + new string('x', 5000);

        link.Say(FrameType.Fail, $$"""{"code":"bad_request","message":"{{message}}","retryable":false}""", handle);
        await task.WaitAsync(TimeSpan.FromSeconds(30), Token);

        Assert.StartsWith("no[31m memory state  completedxxx", task.Row.Error!.Message, StringComparison.Ordinal);
        Assert.InRange(task.Row.Error.Message.Length, 900, 1001);
        link.End();
    }

    [Fact]
    public void The_end_of_an_answer_has_no_more_words_than_it_needs()
    {
        var usage = JsonElement.Parse("{\"n\":\"" + new string('x', 20_000) + "\"}");
        var said = new Messages.Finish
        {
            FinishReasons = [new string('r', 5000), "length", .. Enumerable.Repeat("stop", 500)],
            Model = "m\u001b]0;owned\u0007",
            Usage = usage,
        };
        var plain = new Messages.Finish
        {
            FinishReasons = ["stop"],
            Model = "m",
            Usage = JsonElement.Parse("{}"),
        };

        var bound = EndCheck.Bound(said);

        Assert.Equal(["stop", "length", "stop"], bound.FinishReasons!.Take(3));
        Assert.Equal((128, null, null), (bound.FinishReasons!.Count, bound.Model, bound.Usage));
        Assert.Same(plain, EndCheck.Bound(plain));
    }

    [Fact]
    public async Task A_host_that_is_silent_while_it_has_work_loses_it()
    {
        var clock = new FakeTimeProvider();
        await using var gateway = await LinkGateway.StartAsync(time: clock);
        var (link, task, _) = await RunAsync(gateway);
        link.Say(FrameType.Pong);

        for (var second = 0; second < 20; second++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal("silence", (await link.UntilGoAwayAsync()).Code);
        Assert.Equal(TaskState.Pending, task.Row.State);
    }

    private static async Task<(RawLink Link, TaskHandle Task, uint Handle)> RunAsync(LinkGateway gateway)
    {
        var link = await RawLink.OpenAsync(gateway);
        var task = await gateway.SubmitAsync();
        var handle = await link.UntilOfferAsync();
        link.Say(FrameType.Accept, handle: handle);
        return (link, task, handle);
    }

    private static string Resuming(string token, int acked) =>
        RawLink.Hello.Replace(
            "\"slots\"",
            $$"""
            "resume":[{"attempt":"{{token}}","last_sent_seq":{{acked}},"last_acked_seq":{{acked}}}],"slots"
            """,
            StringComparison.Ordinal
        );

    private static Messages.ResumeVerdict Verdict(byte[] helloOk) =>
        Assert.Single(LinkJson.Read(helloOk, Protocol.ProtocolJson.Default.HelloOk).Resumed);
}
