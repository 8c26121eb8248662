using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Mux;
using Pollard.Voice.Wyoming;

namespace Pollard.Voice.Tests.Links;

/// <summary>Many calls between two services of ours, over real sockets that break.</summary>
public sealed class MuxLinkTests : IAsyncDisposable
{
    private static readonly CallId Call = CallId.Parse("67");
    private readonly CancellationTokenSource _over = new();
    private readonly List<Task> _running = [];
    private readonly List<IAsyncDisposable> _ours = [];
    private LinkListener? _listener;
    private int _hellos;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        _listener?.Dispose();
        await Task.WhenAll(_running);
        foreach (var one in _ours)
        {
            await one.DisposeAsync();
        }

        _over.Dispose();
    }

    [Fact]
    public async Task A_call_is_opened_heard_and_ended_on_connections_that_were_there_before()
    {
        var server = Serve();
        var link = Dial(_listener!.At.Port, "stt");
        var ours = link.Open(Call);
        Assert.True(ours.TrySend(new(FrameKind.Text, "what"u8.ToArray(), Mark: new(3, 2, 1))));
        Assert.True(ours.TrySend(new(FrameKind.Audio, Samples(0.5f, -0.25f), 16_000, 9)));

        var theirs = await server.Came.ReadAsync(Token);
        var heard = new[] { await theirs.Incoming.ReadAsync(Token), await theirs.Incoming.ReadAsync(Token) };
        var text = heard.Single(static frame => frame.Kind == FrameKind.Text);
        var sound = heard.Single(static frame => frame.Kind == FrameKind.Audio);
        Assert.Equal(("what", 3u, 2u), (Said(text), text.Mark.Turn, text.Mark.Generation));
        Assert.Equal((16_000, 9u), (sound.Rate, sound.Chunk));
        Assert.Equal([0.5f, -0.25f], MemoryMarshal.Cast<byte, float>(sound.Payload.Span).ToArray());
        theirs.TrySend(new(FrameKind.Text, "that"u8.ToArray()));
        Assert.Equal("that", Said(await ours.Incoming.ReadAsync(Token)));

        ours.Close();
        Assert.False(await theirs.Incoming.WaitToReadAsync(Token));
        Assert.False(theirs.TrySend(new(FrameKind.Text, "late"u8.ToArray())));
        Assert.False(ours.TrySend(new(FrameKind.Text, "late"u8.ToArray())));
        var again = link.Open(Call); // The same id is dialled again.
        again.TrySend(new(FrameKind.Text, "anew"u8.ToArray()));
        theirs = await server.Came.ReadAsync(Token);
        Assert.Equal("anew", Said(await theirs.Incoming.ReadAsync(Token)));
        await Task.Delay(TimeSpan.FromMilliseconds(1_200), TimeProvider.System, Token); // A lane that ends has a second for its last words.
        again.TrySend(new(FrameKind.Text, "still"u8.ToArray()));
        Assert.Equal("still", Said(await theirs.Incoming.ReadAsync(Token)));
        Assert.All(link.Look(), static lane => Assert.Equal((0, LinkState.Up), (lane.Reconnects, lane.State)));
    }

    [Fact]
    public async Task A_hundred_calls_have_their_own_frames_in_order()
    {
        var server = Serve();
        var link = Dial(_listener!.At.Port, "stt");
        var ours = Enumerable.Range(0, 100).Select(i => link.Open(CallId.Parse($"call{i}"))).ToList();
        for (var chunk = 1u; chunk <= 20; chunk++)
        {
            foreach (var call in ours)
            {
                Assert.True(call.TrySend(new(FrameKind.Audio, Samples(chunk / 100f), 16_000, chunk)));
            }
        }

        for (var i = 0; i < 100; i++)
        {
            var call = await server.Came.ReadAsync(Token);
            for (var chunk = 1u; chunk <= 20; chunk++)
            {
                var frame = await call.Incoming.ReadAsync(Token);
                Assert.Equal((call.Call, chunk), (frame.Call, frame.Chunk));
            }
        }
    }

    [Fact]
    public async Task One_that_does_not_listen_loses_its_own_frames_and_holds_up_no_other()
    {
        var server = Serve();
        var link = Dial(_listener!.At.Port, "stt");
        var (deaf, other) = (link.Open(CallId.Parse("deaf")), link.Open(Call));
        var (first, second) = (await server.Came.ReadAsync(Token), await server.Came.ReadAsync(Token));
        var theirs = first.Call == Call ? first : second;
        for (var i = 0; i < 3_000; i++)
        {
            await UntilAsync(() => deaf.TrySend(new(FrameKind.Audio, Samples(0.1f), 16_000, 1)));
        }

        await UntilAsync(() => other.TrySend(new(FrameKind.Audio, Samples(0.1f), 16_000, 7)));
        Assert.Equal(7u, (await theirs.Incoming.ReadAsync(Token)).Chunk);
        Assert.Equal(500, ((MuxCall)(first.Call == Call ? second : first)).Lost);
    }

    [Fact]
    public async Task Calls_go_on_with_a_service_that_was_started_anew()
    {
        var server = Serve(out var stop);
        var link = Dial(_listener!.At.Port, "stt");
        var call = link.Open(Call);
        var port = _listener.At.Port;
        await UntilAsync(() => link.IsUp);
        await stop.CancelAsync();
        _listener.Dispose();
        await UntilAsync(() => !link.IsUp);
        call.TrySend(new(FrameKind.Text, "meanwhile"u8.ToArray()));

        var next = Serve(port);
        var theirs = await next.Came.ReadAsync(Token);
        Assert.Equal(Call, theirs.Call);
        Assert.Equal("meanwhile", Said(await theirs.Incoming.ReadAsync(Token)));
    }

    [Fact]
    public async Task What_a_neighbour_had_in_its_buffers_when_it_was_killed_is_said_again_and_nothing_twice()
    {
        _listener = NewListener(0);
        var taken = System.Threading.Channels.Channel.CreateBounded<LinkConnection>(16);
        _running.Add(
            _listener.TakeAsync(
                async connection =>
                {
                    var peer = await new MuxHello("stt-1", "stt", null).HearAsync(connection, _ => true, Token);
                    return peer.Lane == MuxLane.Media || taken.Writer.TryWrite(connection);
                },
                _over.Token
            )
        );
        var call = Dial(_listener.At.Port, "stt").Open(Call);
        var codec = new WyomingCodec("synthesize");
        var first = await taken.Reader.ReadAsync(Token);
        foreach (var word in (string[])["one", "two", "three"])
        {
            call.TrySend(new(FrameKind.Text, Encoding.UTF8.GetBytes(word)));
        }

        await HearAsync(first, "one");
        var ack = new System.Buffers.ArrayBufferWriter<byte>();
        codec.Write(new LinkFrame(FrameKind.Ack, Chunk: 2), ack); // The start of the call, and "one".
        await first.WriteAsync(ack.WrittenMemory, Token);
        await UntilAsync(() => first.Acknowledged == first.Written);
        first.Abort(); // With the rest acknowledged by its kernel, and read by nobody.

        var second = await taken.Reader.ReadAsync(Token);
        await HearAsync(second, "two");
        await HearAsync(second, "three");
        await first.DisposeAsync();
        await second.DisposeAsync();

        async Task HearAsync(LinkConnection connection, string word)
        {
            LinkFrame? frame;
            do
            {
                frame = await connection.ReadAsync(codec, Token);
            } while (frame?.Kind is FrameKind.Start or FrameKind.Ping);

            Assert.Equal(word, Said(frame!.Value));
        }
    }

    [Fact]
    public async Task A_neighbour_that_is_frozen_is_noticed_though_its_machine_answers()
    {
        _listener = NewListener(0);
        List<LinkConnection> held = [];
        _running.Add(
            _listener.TakeAsync(
                async connection =>
                {
                    await new MuxHello("stt-1", "stt", null).HearAsync(connection, _ => true, Token);
                    held.Add(connection); // And never reads or writes again.
                    return true;
                },
                _over.Token
            )
        );
        var link = Dial(_listener.At.Port, "stt");
        await UntilAsync(() => link.IsUp);

        await UntilAsync(() => link.Look().Any(static lane => lane.State == LinkState.Suspect));
        await UntilAsync(() => link.Look().All(static lane => lane.Reconnects > 0)); // It calls anew.
        foreach (var connection in held)
        {
            await connection.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("right", "right", true)]
    [InlineData("right", "wrong", false)]
    [InlineData("right", null, false)]
    [InlineData(null, "right", false)] // Who wants proof gets none.
    public async Task A_secret_lets_in_who_knows_it_and_nobody_else(string? servers, string? callers, bool isIn)
    {
        var server = Serve(secret: servers);
        var link = Dial(_listener!.At.Port, "stt", callers);
        if (isIn)
        {
            await UntilAsync(() => link.IsUp && server.Look().Count == 2);
            return;
        }

        await UntilAsync(() => _hellos >= 2); // It has tried more than once.
        Assert.False(link.IsUp);
        Assert.Empty(server.Look());
    }

    [Fact]
    public async Task Who_has_a_role_that_is_not_wanted_here_is_told_so()
    {
        var server = Serve();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_listener!.At, Token);
        await using var connection = new LinkConnection(socket, TimeProvider.System);
        var refused = await Assert.ThrowsAsync<FrameException>(() =>
            new MuxHello("tts-1", "tts", null).SayAsync(connection, MuxLane.Control, Token)
        );
        Assert.Equal("it says: stt is not called by tts", refused.Message);
        Assert.Empty(server.Look());
    }

    private static ReadOnlyMemory<byte> Samples(params float[] samples) =>
        MemoryMarshal.AsBytes(samples.AsSpan()).ToArray();

    private static string Said(LinkFrame frame) => Encoding.UTF8.GetString(frame.Payload.Span);

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (!holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, limit.Token);
        }
    }

    private MuxServer Serve(int port = 0, string? secret = null) => Serve(out _, port, secret);

    private MuxServer Serve(out CancellationTokenSource stop, int port = 0, string? secret = null)
    {
        stop = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
        _listener = NewListener(port);
        var server = new MuxServer("stt", ("transcript", "synthesize"), new LinkSetup(), NullLogger.Instance);
        var door = new MuxDoor(
            _listener,
            new MuxHello("stt-1", "stt", secret),
            new Dictionary<string, MuxServer> { ["inbound"] = server }
        );
        _running.Add(server.RunAsync(stop.Token));
        _running.Add(door.RunAsync(stop.Token));
        return server;
    }

    private static LinkListener NewListener(int port) =>
        new(new IPEndPoint(IPAddress.Loopback, port), static _ => true, TimeProvider.System, NullLogger.Instance);

    private MuxLink Dial(int port, string name, string? secret = null)
    {
        var setup = new LinkSetup { Retry = new() { ShortWait = TimeSpan.FromMilliseconds(50) } };
        var hello = new MuxHello("edge-1", "inbound", secret);
        var link = MuxLink.To(
            name,
            ("synthesize", "transcript"),
            new IPEndPoint(IPAddress.Loopback, port),
            (connection, lane, ct) =>
            {
                Interlocked.Increment(ref _hellos);
                return hello.SayAsync(connection, lane, ct);
            },
            setup,
            NullLogger.Instance
        );
        _ours.Add(link);
        _running.Add(link.RunAsync(_over.Token));
        return link;
    }
}
