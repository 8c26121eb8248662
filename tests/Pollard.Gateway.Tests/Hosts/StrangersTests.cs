using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>Whoever comes to the link with another's name, words or session is sent away, whichever carrier he takes.</summary>
public sealed class StrangersTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string> AllCarriers => new("h2", "ws", "turn");

    [Theory]
    [MemberData(nameof(AllCarriers))]
    public async Task A_hello_that_was_heard_on_its_way_opens_nothing_when_it_is_said_again(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var host = await WireHost.EnrolAsync(gateway, "host");
        var signed = host.SignHello(carrier);

        Assert.Null(await host.BeginAsync(carrier, signed));
        var refusal = await host.BeginAsync(carrier, signed);

        Assert.Contains("seen before", refusal, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(AllCarriers))]
    public async Task An_id_without_its_key_opens_nothing(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var host = await WireHost.EnrolAsync(gateway, "host");
        using var thief = await WireHost.EnrolAsync(gateway, "thief");

        var refusal = await thief.BeginAsync(carrier, thief.SignHello(carrier, name: host.Id));
        var madeUp = await thief.BeginAsync(carrier, thief.SignHello(carrier, name: "host_<script>"));

        Assert.Contains(HostSignature.UnauthorizedCode, refusal, StringComparison.Ordinal);
        Assert.Contains(HostSignature.UnknownCode, madeUp, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", madeUp, StringComparison.Ordinal);
        Assert.Empty(gateway.Engine.Hosts.List());
    }

    [Theory]
    [MemberData(nameof(AllCarriers))]
    public async Task A_signature_opens_no_other_carrier(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var host = await WireHost.EnrolAsync(gateway, "host");

        var refusal = await host.BeginAsync(carrier, host.SignHello(carrier == "h2" ? "ws" : "h2"));

        Assert.Contains(HostSignature.UnauthorizedCode, refusal, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(AllCarriers))]
    public async Task A_host_that_opens_session_after_session_has_to_wait(string carrier)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        await using var gateway = await LinkGateway.StartAsync(time: clock);
        using var host = await WireHost.EnrolAsync(gateway, "host");
        using var other = await WireHost.EnrolAsync(gateway, "other");

        for (var i = 0; i < LinkLimits.SessionsPerMinute; i++)
        {
            Assert.Null(await host.BeginAsync(carrier, host.SignHello(carrier)));
        }

        var refusal = await host.BeginAsync(carrier, host.SignHello(carrier));
        var others = await other.BeginAsync(carrier, other.SignHello(carrier));
        clock.Advance(TimeSpan.FromMinutes(1));
        var later = await host.BeginAsync(carrier, host.SignHello(carrier));

        Assert.Contains("within a minute", refusal, StringComparison.Ordinal);
        Assert.Equal((null, null), (others, later));
    }

    [Theory]
    [MemberData(nameof(AllCarriers))]
    public async Task An_agent_that_has_to_wait_comes_back_by_itself(string carrier)
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using var log = new WaitingLog("sessions within a minute");
        await using var gateway = await LinkGateway.StartAsync(time: clock);
        await using var agent = new RunningAgent(gateway, new FakeBackend(), gateway.Choose(carrier), log);
        await gateway.UntilHostsAsync(1);
        var host = gateway.Engine.Hosts.List().Single().Description.Id;
        while (gateway.Server.Arrivals.Refusal(host) is null) { }

        gateway.Server.Find(host)!.Close("draining", "the test wants a new session");
        await Task.WhenAny(log.HeardAsync(), agent.Exit);
        Assert.False(agent.Exit.IsCompleted, "the agent took a wait for the last word");
        clock.Advance(TimeSpan.FromMinutes(1));

        await gateway.UntilHostsAsync(1);
    }

    [Theory]
    [InlineData("h2")]
    [InlineData("ws")]
    public async Task Who_opens_a_link_and_says_nothing_is_sent_away(string carrier)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        await using var gateway = await LinkGateway.StartAsync(time: clock);
        using var host = await WireHost.EnrolAsync(gateway, "host");

        var refusal = host.BeginAsync(carrier, host.SignHello(carrier), saysHello: false);
        while (!refusal.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(1)); // The gateway's time to wait may not have begun yet.
            await Task.WhenAny(refusal, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token));
        }

        Assert.Contains("no hello came", await refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_session_of_another_is_none()
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var host = await WireHost.EnrolAsync(gateway, "host");
        using var thief = await WireHost.EnrolAsync(gateway, "thief");
        using var opened = await host.SendAsync(
            HttpMethod.Post,
            "/host/v1/turn?wait=0",
            host.SignHello("turn"),
            WireHost.Hello
        );
        var session = opened.Headers.GetValues(TurnCarrier.SessionHeader).Single();
        var frame = new System.Buffers.ArrayBufferWriter<byte>();
        FrameWriter.Write(frame, FrameType.Delta, 1, "x"u8);

        (HttpMethod Method, string Path, byte[] Body)[] tries =
        [
            (HttpMethod.Post, "/host/v1/turn?wait=0", []),
            (HttpMethod.Patch, "/host/v1/attempts/1/output", frame.WrittenSpan.ToArray()),
            (HttpMethod.Delete, "/host/v1/turn", []),
        ];
        foreach (var (method, path, body) in tries)
        {
            var headers = new Dictionary<string, string>(thief.Sign(method.Method, path, body), StringComparer.Ordinal)
            {
                [TurnCarrier.SessionHeader] = session,
                ["Content-Range"] = "seq 0-0/*",
            };
            using var answer = await thief.SendAsync(method, path, headers, body);

            Assert.Equal(
                method == HttpMethod.Delete ? HttpStatusCode.NoContent : HttpStatusCode.Gone,
                answer.StatusCode
            );
        }

        Assert.Equal("host", Assert.Single(gateway.Engine.Hosts.List()).Description.Name); // And it is still there.
    }

    [Fact]
    public async Task Nothing_large_is_read_of_a_stranger()
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync("127.0.0.1", gateway.Address.Port, Token);

        await socket.SendAsync(
            "POST /host/v1/turn HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n"u8.ToArray(),
            Token
        ); // And not a byte of the body.
        var reply = new byte[1024];
        var length = await socket.ReceiveAsync(reply, Token);

        Assert.StartsWith("HTTP/1.1 401 ", Encoding.ASCII.GetString(reply, 0, length), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_compressed_is_unpacked()
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var client = gateway.NewClient(isAdmin: false);
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            await gzip.WriteAsync(new byte[1024 * 1024], Token); // A kilobyte of it.
        }

        using var body = new ByteArrayContent(packed.ToArray());
        body.Headers.ContentEncoding.Add("gzip");
        using var answer = await client.PostAsync("/host/v1/enroll", body, Token);
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.DangerousDeflateOptions = new WebSocketDeflateOptions();
        await socket.ConnectAsync(new UriBuilder(gateway.Address) { Scheme = "ws", Path = "/host/v1/ws" }.Uri, Token);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.DoesNotContain("Sec-WebSocket-Extensions", socket.HttpResponseHeaders!.Keys);
    }

    [Theory]
    [InlineData("box\u202exob")]
    [InlineData("box\n")]
    [InlineData("")]
    public async Task A_name_that_cannot_be_seen_joins_nothing(string name)
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var client = gateway.NewClient(isAdmin: false);
        using var key = System.Security.Cryptography.ECDsa.Create();
        key.GenerateKey(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var body = new System.Text.Json.Nodes.JsonObject
        {
            ["public_key"] = Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()),
            ["name"] = name,
        };

        using var answer = await client.PostAsync("/host/v1/enroll", new StringContent(body.ToJsonString()), Token);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Empty(gateway.Registry.List());
    }
}
