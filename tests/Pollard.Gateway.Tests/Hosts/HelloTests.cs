using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>Hellos that lie or overflow are told why and sent away; nobody else is harmed.</summary>
public sealed class HelloTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Lies =>
        new()
        {
            { "{", "cannot be read" },
            { "null", "null" },
            { """{"protocol_min":2,"protocol_max":3,"boot_id":"b","slots":1,"models":[]}""", "versions 2 to 3" },
            { """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1025,"models":[]}""", "slots" },
            { """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":-1,"models":[]}""", "slots" },
            { """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":null}""", "models" },
            { """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[null]}""", "name" },
            { """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[{"name":"a b"}]}""", "name" },
            {
                """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[{"name":"a"},{"name":"a"}]}""",
                "twice"
            },
            {
                """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[{"name":"a","kinds":[null]}]}""",
                "kinds"
            },
            { """{"protocol_min":1,"protocol_max":1,"boot_id":"","slots":1,"models":[]}""", "boot_id" },
            { """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1e30,"models":[]}""", "cannot be read" },
            { """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":2147483647,"models":[]}""", "slots" },
            { With("boot_id", new string('b', 101)), "boot_id" },
            { With("name", new string('n', 101)), "name" },
            { With("name", new string('n', 60_000)), "name" },
            { With("agent", "a\u0000b"), "agent" },
            { With("name", "box\u202exob"), "name" },
            { With("name", "box\U000E0041"), "name" },
            { With("labels", Enumerable.Repeat("gpu", 65)), "labels" },
            { With("features", new[] { "\u001b[2J" }), "features" },
            { With("idle_heartbeat_seconds", 4), "idle_heartbeat_seconds" },
            { WithModel("digest", new string('d', 101)), "digest" },
            { WithModel("quantization", "Q4\u001b[31m"), "quantization" },
            { WithModel("family", "a\nb"), "family" },
            { WithModel("context", -1), "context" },
            { WithModel("size_bytes", -1), "size" },
            {
                $$"""{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[{"name":"{{new string('m', 101)}}"}]}""",
                "over 100 characters"
            },
            { """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[],"role":"king"}""", "role" },
            { """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[],"resume":[null]}""", "resume" },
            {
                """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[],"resume":[{"attempt":"x","last_sent_seq":1,"last_acked_seq":2}]}""",
                "resume"
            },
            { With("resume", Enumerable.Repeat(Attempt, 2)), "each once" },
            { With("resume", Enumerable.Repeat(Attempt, 1025)), "1025" },
        };

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task A_hello_that_lies_is_refused_with_its_reason(string hello, string reason)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var link = gateway.Server.Open(LinkPeer.Local("liar", "liar"));

        FrameWriter.Write(link.Output, FrameType.Hello, 0, Encoding.UTF8.GetBytes(hello));
        await link.Output.FlushAsync(Token);

        var goAway = await ReadGoAwayAsync(link.Input);
        Assert.Equal("protocol", goAway.Code);
        Assert.Contains(reason, goAway.Reason, StringComparison.Ordinal);
        Assert.Null(goAway.ReconnectSeconds);
        Assert.Empty(gateway.Engine.Hosts.List());
    }

    private static object Attempt =>
        new
        {
            attempt = "x",
            last_sent_seq = 1,
            last_acked_seq = 1,
        };

    private static string With(string member, object value) =>
        JsonSerializer.Serialize(
            new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["protocol_min"] = 1,
                ["protocol_max"] = 1,
                ["boot_id"] = "b",
                ["slots"] = 1,
                ["models"] = Array.Empty<object>(),
                [member] = value,
            }
        );

    private static string WithModel(string member, object value) =>
        With(
            "models",
            new[]
            {
                new Dictionary<string, object>(StringComparer.Ordinal) { ["name"] = "m", [member] = value },
            }
        );

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Who_says_no_whole_hello_within_ten_seconds_is_sent_away(bool isSlow)
    {
        var clock = new FakeTimeProvider();
        await using var gateway = await LinkGateway.StartAsync(time: clock);
        var link = RawLink.Begin(gateway);
        var hello = new System.Buffers.ArrayBufferWriter<byte>();
        FrameWriter.Write(hello, FrameType.Hello, 0, Encoding.UTF8.GetBytes(RawLink.Hello));

        for (var second = 0; second < 9; second++)
        {
            link.Say(isSlow ? [hello.WrittenSpan[second]] : []); // A byte now and then gives no more time.
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        var next = link.NextAsync();
        Assert.False(next.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Null(await next);
    }

    [Fact]
    public async Task Attempts_that_a_hello_made_up_are_fenced()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var link = RawLink.Begin(gateway);
        link.Say(
            FrameType.Hello,
            """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[],"resume":[{"attempt":"AAAA","last_sent_seq":2147483647,"last_acked_seq":0}]}"""
        );

        var (_, answer) = await link.UntilAsync(FrameType.HelloOk);

        Assert.True(Assert.Single(LinkJson.Read(answer, ProtocolJson.Default.HelloOk).Resumed).Fenced);
        link.End();
    }

    [Fact]
    public async Task More_models_than_a_host_may_name_are_refused()
    {
        var models = string.Join(',', Enumerable.Range(0, 201).Select(i => $$"""{"name":"m{{i}}"}"""));

        await A_hello_that_lies_is_refused_with_its_reason(
            $$"""{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[{{models}}]}""",
            "201"
        );
    }

    [Fact]
    public async Task A_hello_over_its_size_is_refused()
    {
        await using var gateway = await LinkGateway.StartAsync();
        var link = gateway.Server.Open(LinkPeer.Local("liar", "liar"));

        FrameWriter.Write(link.Output, FrameType.Hello, 0, new byte[LinkLimits.HelloBytes + 1]);
        await link.Output.FlushAsync(Token);

        Assert.Contains("limit", (await ReadGoAwayAsync(link.Input)).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FrameType.Hello)]
    [InlineData(FrameType.Offer)]
    [InlineData(FrameType.Delta)]
    [InlineData(FrameType.Ping)]
    public async Task A_frame_out_of_place_closes_the_link(FrameType type)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var link = gateway.Server.Open(LinkPeer.Local("host", "host"));
        FrameWriter.Write(
            link.Output,
            FrameType.Hello,
            0,
            """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[]}"""u8
        );
        await link.Output.FlushAsync(Token);

        FrameWriter.Write(link.Output, type, 77, "{}"u8);
        await link.Output.FlushAsync(Token);

        Assert.Equal("protocol", (await ReadGoAwayAsync(link.Input)).Code);
    }

    /// <summary>Reads to the end; its last word must be the farewell.</summary>
    private static async Task<Messages.GoAway> ReadGoAwayAsync(PipeReader input)
    {
        Messages.GoAway? said = null;
        while (true)
        {
            var read = await input.ReadAsync(Token);
            var buffer = read.Buffer;
            while (FrameReader.TryRead(ref buffer, out var frame))
            {
                said =
                    frame.Header.Type == FrameType.GoAway
                        ? LinkJson.Read(frame.Payload, ProtocolJson.Default.GoAway)
                        : null;
            }

            input.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                return said ?? throw new InvalidOperationException("The link ended without a word.");
            }
        }
    }
}
