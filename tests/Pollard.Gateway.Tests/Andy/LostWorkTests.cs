using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Andy;

/// <summary>Where the first pool lost work: a host that dies, an answer that breaks, a result that comes twice or too late.</summary>
public sealed class LostWorkTests
{
    private const string Model = "andy-4";

    // No time passes unless a test says so: what happens, happens at once.
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));

    [Fact]
    public async Task Work_comes_the_moment_that_it_is_there()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "3");

        var asking = client.AskAsync(ct: Token);
        await UntilAskingAsync(gateway);
        var asked = AskAsync(gateway);
        var work = await asking;
        await client.SubmitAsync(work!.Value, Says("done"));

        Assert.Equal("done", await asked);
    }

    [Theory]
    [InlineData("3", null, 7)]
    [InlineData("4", null, 28)]
    [InlineData("4", 5, 3)]
    [InlineData("debug", null, 4)]
    public async Task A_poll_is_held_no_longer_than_its_client_waits(string generation, int? timeout, int seconds)
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, generation);

        var asking = client.AskAsync(timeoutSeconds: timeout, ct: Token);
        await UntilAskingAsync(gateway);
        _clock.Advance(TimeSpan.FromSeconds(seconds - 0.5));
        await JsonOf(gateway.GetAsync("/api/version")); // Time for what would be answered.
        var isHeld = !asking.IsCompleted;
        _clock.Advance(TimeSpan.FromSeconds(0.6));

        Assert.Null(await asking);
        Assert.True(isHeld);
    }

    [Fact]
    public async Task A_poll_that_broke_off_swallows_nothing()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "4");
        using var broken = new CancellationTokenSource();

        var asking = client.AskAsync(ct: broken.Token);
        await UntilAskingAsync(gateway);
        await broken.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        await UntilAskingAsync(gateway, count: 0);
        var asked = AskAsync(gateway);
        await client.SubmitAsync(await client.UntilWorkAsync(), Says("done"));

        Assert.Equal("done", await asked);
    }

    [Fact]
    public async Task An_answer_that_breaks_while_it_is_written_takes_no_work_with_it()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "4");
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync("127.0.0.1", gateway.Server.Addresses[0].Port, Token);
        var ask = $$"""{"host_id":"{{client.Id}}","timeout":30}""";
        var head = $"POST /api/andy/poll_for_work HTTP/1.1\r\nHost: localhost\r\nContent-Length: {ask.Length}\r\n\r\n";
        await socket.SendAsync(Encoding.ASCII.GetBytes(head + ask), Token);
        await UntilAskingAsync(gateway);

        var asked = AskAsync(gateway, new string('x', 16 * 1024 * 1024)); // More than fits into buffers on the way.
        await socket.ReceiveAsync(new byte[1024], Token);
        socket.LingerState = new LingerOption(true, 0); // A reset, as of a machine that lost its network.
        socket.Close();
        var other = await JoinAsync(gateway, "4");
        var work = await other.UntilWorkAsync();
        await other.SubmitAsync(work, Says("done"));

        Assert.Equal("done", await asked);
    }

    [Fact]
    public async Task A_host_that_is_back_before_another_has_its_work_keeps_it()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "4");
        var asked = AskAsync(gateway);
        var work = await client.UntilWorkAsync();

        while (gateway.Engine.Hosts.List().Count > 0) // Until the engine has given it up.
        {
            _clock.Advance(TimeSpan.FromSeconds(0.1));
        }

        await client.PingAsync();
        await client.SubmitAsync(work, Says("back"));

        Assert.Equal("back", await asked);
        Assert.Single(gateway.Engine.Hosts.List());
    }

    [Fact]
    public async Task A_newer_poll_ends_an_older_one_that_may_be_dead()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "4");

        var older = client.AskAsync(ct: Token);
        await UntilAskingAsync(gateway);
        var newer = client.AskAsync(ct: Token);
        var nothing = await older;
        var asked = AskAsync(gateway);
        await client.SubmitAsync((await newer)!.Value, Says("done"));

        Assert.Null(nothing);
        Assert.Equal("done", await asked);
    }

    [Fact]
    public async Task A_host_that_dies_while_it_works_loses_the_work_to_another_and_its_late_word_counts_for_nothing()
    {
        await using var gateway = await StartAsync(time: _clock);
        var dead = await JoinAsync(gateway, "3");
        var asked = AskAsync(gateway);
        var work = await dead.UntilWorkAsync();
        var other = await JoinAsync(gateway, "4");

        for (var i = 0; i < 11; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(5));
            await other.PingAsync();
        }

        var again = await other.UntilWorkAsync();
        await dead.SubmitAsync(work, Says("late"));
        await other.SubmitAsync(again, Says("in time"));

        Assert.Equal("in time", await asked);
    }

    [Fact]
    public async Task Pings_keep_the_work_of_a_host_that_asks_for_nothing_meanwhile()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "1");
        await JoinAsync(gateway, "4");
        var asked = AskAsync(gateway);
        var work = await client.UntilWorkAsync();

        for (var i = 0; i < 2; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(58)); // The longest pause that its generation makes.
            await client.PingAsync();
        }

        await client.SubmitAsync(work, Says("slow"));

        Assert.Equal("slow", await asked);
    }

    [Fact]
    public async Task A_result_counts_once()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "4");

        var asked = AskAsync(gateway);
        var work = await client.UntilWorkAsync();
        await client.SubmitAsync(work, Says("first"));
        await client.SubmitAsync(work, Says("second"));
        await client.SubmitAsync(work, new JsonObject { ["error"] = "too late" });

        Assert.Equal("first", await asked);
        Assert.Equal(0, gateway.Engine.Statistics.Running);
    }

    [Fact]
    public async Task What_a_host_has_when_it_leaves_goes_to_another_at_once()
    {
        await using var gateway = await StartAsync(time: _clock);
        var leaving = await JoinAsync(gateway, "4");
        var asked = AskAsync(gateway);
        await leaving.UntilWorkAsync();
        var other = await JoinAsync(gateway, "4");

        await leaving.LeaveAsync();
        await other.SubmitAsync(await other.UntilWorkAsync(), Says("done"));

        Assert.Equal("done", await asked);
    }

    [Fact]
    public async Task A_host_that_does_one_thing_after_the_other_and_asks_again_has_lost_what_it_had()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "1b");
        var first = AskAsync(gateway);
        await client.SubmitAsync(await client.UntilWorkAsync(), Says("first")); // It asked for nothing meanwhile.
        await first;

        var asked = AskAsync(gateway);
        await client.UntilWorkAsync();
        var other = await JoinAsync(gateway, "4");
        var asking = client.AskAsync(ct: Token);
        await other.SubmitAsync(await other.UntilWorkAsync(), Says("done"));

        Assert.Equal("done", await asked);
        _clock.Advance(TimeSpan.FromSeconds(30));
        await asking;
    }

    [Fact]
    public async Task A_host_that_asks_while_it_works_and_brings_the_work_does_several_things_at_once()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "1b");
        for (var i = 0; i < 2; i++)
        {
            var asked = AskAsync(gateway);
            var work = await client.UntilWorkAsync();
            await client.AskAsync(timeoutSeconds: 1, ct: Token);
            await client.SubmitAsync(work, Says("done"));

            Assert.Equal("done", await asked);
        }
    }

    [Fact]
    public async Task A_host_that_is_silent_is_forgotten_and_told_to_join_again()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "4");

        _clock.Advance(TimeSpan.FromSeconds(89));
        var still = await client.PingAsync();
        _clock.Advance(TimeSpan.FromSeconds(92));

        Assert.Equal(HttpStatusCode.OK, still);
        Assert.Equal(HttpStatusCode.NotFound, await client.PingAsync());
        Assert.Empty(gateway.Engine.Hosts.List());
    }

    [Fact]
    public async Task Models_that_their_host_asks_no_work_for_are_not_offered()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "0");
        var before = gateway.Engine.Hosts.Models().Count;

        _clock.Advance(TimeSpan.FromSeconds(32));
        await client.PingAsync();

        Assert.Equal(1, before);
        Assert.Empty(gateway.Engine.Hosts.Models());
    }

    [Fact]
    public async Task Models_are_there_again_when_their_host_asks_again()
    {
        await using var gateway = await StartAsync(time: _clock);
        var client = await JoinAsync(gateway, "4");
        _clock.Advance(TimeSpan.FromSeconds(32));
        var before = gateway.Engine.Hosts.Models().Count;

        var asking = client.AskAsync(ct: Token);
        await UntilAskingAsync(gateway);
        var asked = AskAsync(gateway);
        await client.SubmitAsync((await asking)!.Value, Says("done"));

        Assert.Equal(0, before);
        Assert.Equal("done", await asked);
    }

    private static async Task<AndyClient> JoinAsync(TestGateway gateway, string generation)
    {
        var kind =
            generation == "debug" ? Generation.Of("1b") with { TimeoutSeconds = null } : Generation.Of(generation);
        var client = new AndyClient(gateway.Client, kind, Model);
        await client.JoinAsync();
        return client;
    }

    private static JsonObject Says(string text) =>
        new() { ["result"] = new JsonObject { ["message"] = new JsonObject { ["content"] = text } } };

    private static async Task<string?> AskAsync(TestGateway gateway, string text = "hello")
    {
        var answer = await JsonOf(
            gateway.PostAsync(
                "/v1/chat/completions",
                $$"""{"model":"{{Model}}","temperature":1,"messages":[{"role":"user","content":"{{text}}"}]}"""
            )
        );
        return answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
    }

    // A host has a slot in the engine while one of its polls is held.
    private static async Task UntilAskingAsync(TestGateway gateway, int count = 1)
    {
        while (gateway.Engine.Hosts.List().Sum(host => host.Description.Slots) != count)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }
}
