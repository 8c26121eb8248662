using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts.Teleport;

/// <summary>Where answers of teleport agents were lost or believed wrongly: empty, cut, swollen, late and doubled ones.</summary>
public sealed class LostAnswersTests
{
    private const string Get = """{"url":"http://inside:8080/a"}""";
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));

    [Fact]
    public async Task An_upload_that_comes_again_as_an_empty_file_ends_no_task()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var call = await agent.UntilCallAsync();

        var status = await agent.UploadWithRetriesAsync(WorkerAgent.Echo(call), []);
        var again = await UntilCallAsync(gateway, agent);
        await JsonOf(agent.BringAsync(again, "whole"u8.ToArray()));

        Assert.Equal(HttpStatusCode.BadRequest, status); // No 5xx: each retry of the program would be as empty.
        Assert.Equal("whole", (await task.AnswerAsync()).Body.Text());
    }

    [Fact]
    public async Task An_upload_that_was_taken_stands_when_its_program_tries_again_with_nothing()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var said = WorkerAgent.Echo(await agent.UntilCallAsync());

        await JsonOf(agent.UploadAsync(said, WorkerAgent.Pack("whole"u8.ToArray())));
        await JsonOf(agent.UploadAsync(said, []));

        Assert.Equal("whole", (await task.AnswerAsync()).Body.Text());
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("zip")]
    [InlineData("cut")]
    [InlineData("cut before the end")]
    [InlineData("changed")]
    [InlineData("tiny")]
    public async Task What_cannot_be_unpacked_whole_is_refused_and_the_call_is_made_anew(string fault)
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var body = new byte[200_000];
        new Random(1).NextBytes(body);
        var good = WorkerAgent.Pack(body);
        var bad = fault switch
        {
            "plain" => body,
            "zip" => [(byte)'P', (byte)'K', 3, 4, .. body],
            "cut" => good[..(good.Length / 2)],
            "cut before the end" => good[..^8],
            "changed" => [.. good[..100_000], (byte)(good[100_000] ^ 1), .. good[100_001..]],
            _ => [0x1f],
        };
        var task = await gateway.CallAsync(Get);

        using var refused = await agent.UploadAsync(WorkerAgent.Echo(await agent.UntilCallAsync()), bad);
        var again = await UntilCallAsync(gateway, agent);
        await JsonOf(agent.UploadAsync(WorkerAgent.Echo(again), good));

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Equal(body, (await task.AnswerAsync()).Body);
    }

    [Fact]
    public async Task What_unpacks_to_hundreds_of_times_its_size_is_refused()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var bomb = WorkerAgent.Pack(new byte[80 * 1024 * 1024], CompressionLevel.SmallestSize);
        var task = await gateway.CallAsync(Get);

        await JsonOf(agent.UploadAsync(WorkerAgent.Echo(await agent.UntilCallAsync()), bomb), 413);
        var row = await task.EndAsync();

        Assert.Equal((TaskState.Failed, "response_too_large"), (row.State, row.Error?.Code));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_parts_of_an_upload_may_come_in_either_order(bool taskFirst)
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var said = WorkerAgent.Echo(await agent.UntilCallAsync());

        await JsonOf(agent.UploadAsync(said, WorkerAgent.Pack("whole"u8.ToArray()), taskFirst: taskFirst));

        Assert.Equal("whole", (await task.AnswerAsync()).Body.Text());
    }

    [Fact]
    public async Task What_could_not_be_packed_comes_as_text()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);

        await JsonOf(agent.UploadAsync(WorkerAgent.Echo(await agent.UntilCallAsync()), "plain"u8.ToArray(), "txt"));

        Assert.Equal("plain", (await task.AnswerAsync()).Body.Text());
    }

    [Theory]
    [InlineData(10)]
    [InlineData(150)]
    [InlineData(400)]
    public async Task An_upload_that_breaks_off_counts_for_nothing(int bytes)
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var call = await agent.UntilCallAsync();
        var form =
            $"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.txt\"\r\n\r\n{new string('x', 1000)}";
        var head =
            $"POST {WorkerAgent.Prefix}upload-result HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000\r\n\r\n";
        using (var socket = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            await socket.ConnectAsync("127.0.0.1", gateway.Server.Addresses[0].Port, Token);
            await socket.SendAsync(Encoding.ASCII.GetBytes(head + form[..bytes]), Token);
            socket.LingerState = new LingerOption(true, 0); // A reset, as of a machine that lost its network.
        }

        await JsonOf(agent.BringAsync(call, "whole"u8.ToArray()));

        Assert.Equal("whole", (await task.AnswerAsync()).Body.Text());
    }

    [Fact]
    public async Task A_result_counts_once()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var call = await agent.UntilCallAsync();

        await JsonOf(agent.BringAsync(call, "first"u8.ToArray()));
        await JsonOf(agent.BringAsync(call, "second"u8.ToArray()));
        await JsonOf(agent.UploadAsync(WorkerAgent.Echo(call), WorkerAgent.Pack("third"u8.ToArray())));

        Assert.Equal("first", (await task.AnswerAsync()).Body.Text());
    }

    [Fact]
    public async Task A_call_that_was_fetched_and_never_answered_goes_to_another_when_its_time_is_over()
    {
        await using var gateway = await StartAsync(time: _clock);
        var (lazy, other) = (new WorkerAgent(gateway.Client), new WorkerAgent(gateway.Client, id: "a2"));
        var task = await gateway.CallAsync(
            Get,
            "teleport",
            static task => task with { RunTimeout = TimeSpan.FromSeconds(20) }
        );
        var lost = await lazy.UntilCallAsync();
        var asking = lazy.AskAsync(); // It is there, and has lost the call.

        var again = await UntilCallAsync(gateway, other);
        await JsonOf(lazy.BringAsync(lost, "late"u8.ToArray()), 404);
        await JsonOf(other.BringAsync(again, "in time"u8.ToArray()));

        Assert.Equal("in time", (await task.AnswerAsync()).Body.Text());
        Assert.False(asking.IsFaulted);
    }

    [Fact]
    public async Task What_a_client_no_longer_wants_is_not_taken()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var task = await gateway.CallAsync(Get);
        var call = await agent.UntilCallAsync();

        await gateway.Engine.CancelAsync(task, "changed my mind", Token);

        await JsonOf(agent.BringAsync(call, "late"u8.ToArray()), 404);
        await JsonOf(agent.UploadAsync(WorkerAgent.Echo(call), WorkerAgent.Pack([1, 2, 3])), 404);
    }

    [Fact]
    public async Task A_large_answer_waits_for_who_reads_it_and_ends_when_they_leave()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var body = new byte[8 * LinkLimits.CreditWindowBytes];
        new Random(3).NextBytes(body);
        var task = await gateway.CallAsync(
            Get,
            "teleport",
            static task => task with { Stream = true, Durability = Durability.Relaxed, LostOutput = LostOutput.Fail }
        );

        var bringing = agent.BringAsync(await agent.UntilCallAsync(), body);
        await UntilAsync(() => task.EventCount > 4);
        await JsonOf(gateway.GetAsync("/api/version"));
        var written = task.EventCount;
        await gateway.Engine.CancelAsync(task, "left", Token);
        using var told = await bringing;

        Assert.InRange(written * 64 * 1024, 0, 2 * LinkLimits.CreditWindowBytes);
        Assert.Equal(HttpStatusCode.NotFound, told.StatusCode);
    }

    [Fact]
    public async Task A_large_answer_comes_whole_to_who_reads_it()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client);
        var body = new byte[8 * LinkLimits.CreditWindowBytes];
        new Random(4).NextBytes(body);
        var task = await gateway.CallAsync(
            Get,
            "teleport",
            static task => task with { Stream = true, Durability = Durability.Relaxed, LostOutput = LostOutput.Fail }
        );

        var bringing = agent.BringAsync(await agent.UntilCallAsync(), body);
        var (_, read) = await task.AnswerAsync();

        await JsonOf(bringing);
        Assert.Equal(body, read);
    }

    [Fact]
    public async Task No_upload_is_left_on_disk()
    {
        var directory = Directory.CreateTempSubdirectory("pollard-test-").FullName;
        var left = Path.Combine(directory, "uploads", "killed.part");
        Directory.CreateDirectory(Path.GetDirectoryName(left)!);
        await File.WriteAllTextAsync(left, "of a gateway that was killed", Token);
        await using (
            var gateway = await StartAsync(options => options with { TeleportDirectory = directory }, time: _clock)
        )
        {
            var agent = new WorkerAgent(gateway.Client);
            var task = await gateway.CallAsync(Get);
            var call = await agent.UntilCallAsync();
            var data = (await JsonOf(agent.GetAsync("upload-url?fileName=x"))).GetProperty("data");
            using var stored = await agent.PutAsync(data.GetProperty("putUrl").GetString()!, [1]);
            await JsonOf(agent.UploadAsync(WorkerAgent.Echo(call), WorkerAgent.Pack([1, 2, 3])));
            await task.AnswerAsync();

            Assert.Single(Directory.GetFiles(directory, "*", SearchOption.AllDirectories)); // Nobody has come for it.
            _clock.Advance(TimeSpan.FromMinutes(16));
            await UntilAsync(() => Directory.GetFiles(directory, "*", SearchOption.AllDirectories).Length == 0);
        }

        Directory.Delete(directory, recursive: true);
    }

    private async Task<JsonElement> UntilCallAsync(TestGateway gateway, WorkerAgent agent)
    {
        var asking = agent.UntilCallAsync();
        while (!asking.IsCompleted)
        {
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(1));
        }

        return await asking;
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        while (!holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }
}
