using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Voice.Links;

namespace Pollard.Voice.Tests.Links;

/// <summary>A link over real sockets, with peers that come late, go, say nothing or too much.</summary>
public sealed class VoiceLinkTests : IAsyncDisposable
{
    private static readonly CallId Call = CallId.Parse("67");
    private readonly List<IAsyncDisposable> _ours = [];
    private readonly CancellationTokenSource _over = new();
    private readonly StateLog _states = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        foreach (var one in _ours)
        {
            await one.DisposeAsync();
        }

        _over.Dispose();
    }

    [Fact]
    public async Task A_service_that_comes_late_gets_all_that_was_said_before_in_order()
    {
        var at = RawPeer.FreePort();
        var (link, _) = Dial(at);
        Assert.True(link.TrySend(Text("one")));
        Assert.True(link.TrySend(Text("two")));
        await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, Token); // Some tries fail.

        using var service = new RawPeer(at);
        using var peer = await service.AcceptAsync();
        link.TrySend(Text("three"));

        Assert.Equal("67", await peer.HelloAsync());
        Assert.Equal(["one", "two", "three"], [await peer.TextAsync(), await peer.TextAsync(), await peer.TextAsync()]);
        await _states.UntilAsync(LinkState.Up);
    }

    [Fact]
    public async Task What_is_said_while_a_service_is_away_is_heard_when_it_is_back_and_the_call_goes_on()
    {
        var at = RawPeer.FreePort();
        using var service = new RawPeer(at);
        var (link, run) = Dial(at);
        using (var peer = await service.AcceptAsync())
        {
            await peer.HelloAsync();
            link.TrySend(Text("before"));
            await peer.TextAsync();
            peer.Kill();
        }

        await _states.UntilAsync(LinkState.Down);
        link.TrySend(Text("meanwhile"));
        using var again = await service.AcceptAsync();
        Assert.Equal("67", await again.HelloAsync());
        Assert.Equal("meanwhile", await again.TextAsync());
        again.Write([0, 0, 0, 2, .. "ok"u8]);
        Assert.Equal("ok", Encoding.UTF8.GetString((await link.Incoming.ReadAsync(Token)).Payload.Span));
        Assert.Equal(1, link.Look().Reconnects);
        Assert.False(run.IsCompleted);
    }

    [Fact]
    public async Task What_a_broken_connection_took_with_it_is_said_again()
    {
        var at = RawPeer.FreePort();
        using var service = new RawPeer(at, receiveBufferBytes: 4_096);
        var (link, _) = Dial(at);
        var large = new string('x', 400_000); // More than the kernels of both sides hold.
        using (var peer = await service.AcceptAsync())
        {
            await peer.HelloAsync();
            link.TrySend(Text("first"));
            link.TrySend(Text(large));
            link.TrySend(Text("last"));
            Assert.Equal("first", await peer.TextAsync());
            peer.Kill(); // In the middle of the second.
        }

        using var again = await service.AcceptAsync();
        await again.HelloAsync();
        Assert.Equal(large, await again.TextAsync());
        Assert.Equal("last", await again.TextAsync());
    }

    [Theory]
    [InlineData("ffffffff", LinkEnd.Bye)]
    [InlineData("00000003425945", LinkEnd.Bye)] // The word.
    public async Task A_bye_ends_the_link(string hex, object end)
    {
        var at = RawPeer.FreePort();
        using var service = new RawPeer(at);
        var (link, run) = Dial(at);
        using var peer = await service.AcceptAsync();
        peer.Write(Convert.FromHexString(hex));

        Assert.Equal(end, await run.WaitAsync(Token));
        Assert.Equal(FrameKind.Bye, (await link.Incoming.ReadAsync(Token)).Kind);
        Assert.False(await link.Incoming.WaitToReadAsync(Token));
        Assert.Equal(LinkState.Closed, link.Look().State);
        Assert.False(link.TrySend(Text("too late")));
    }

    [Fact]
    public async Task An_end_is_told_and_the_connection_made_anew()
    {
        var at = RawPeer.FreePort();
        using var service = new RawPeer(at);
        var (link, _) = Dial(at);
        using (var peer = await service.AcceptAsync())
        {
            peer.Write([0, 0, 0, 0]);
            Assert.Equal(FrameKind.End, (await link.Incoming.ReadAsync(Token)).Kind);
        }

        using var again = await service.AcceptAsync();
        Assert.Equal("67", await again.HelloAsync());
    }

    [Theory]
    [InlineData("7fffffff")]
    [InlineData("0000000461")] // And then nothing: cut off in the middle.
    public async Task What_is_no_frame_breaks_the_connection_and_not_the_call(string hex)
    {
        var at = RawPeer.FreePort();
        using var service = new RawPeer(at);
        var (link, run) = Dial(at);
        using (var peer = await service.AcceptAsync())
        {
            peer.Write(Convert.FromHexString(hex));
        }

        using var again = await service.AcceptAsync();
        again.Write([0, 0, 0, 1, (byte)'a']);
        Assert.Equal(1, (await link.Incoming.ReadAsync(Token)).Payload.Length);
        Assert.False(run.IsCompleted);
    }

    [Fact]
    public async Task A_peer_that_takes_nothing_is_suspected_and_then_given_up_and_all_is_said_to_the_next()
    {
        var at = RawPeer.FreePort();
        using var service = new RawPeer(at, receiveBufferBytes: 4_096);
        var (link, _) = Dial(at, static setup => setup with { MostKeptBytes = 1_000_000 });
        using var peer = await service.AcceptAsync();
        await peer.HelloAsync();
        var sent = 0;
        while (link.TrySend(Text($"{sent} {new string('x', 10_000)}")))
        {
            sent++;
        }

        await _states.UntilAsync(LinkState.Suspect);
        await _states.UntilAsync(LinkState.Down);
        using var again = await service.AcceptAsync();
        await again.HelloAsync();

        // What had reached the machine of the one before is its own; from there on nothing is missing.
        var first = int.Parse(
            (await again.TextAsync()).Split(' ')[0],
            System.Globalization.CultureInfo.InvariantCulture
        );
        for (var i = first + 1; i < sent; i++)
        {
            Assert.StartsWith($"{i} ", await again.TextAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task There_is_a_bound_to_what_is_kept_and_who_waits_gets_room()
    {
        var at = RawPeer.FreePort();
        var (link, _) = Dial(at, static setup => setup with { MostKeptBytes = 100 });
        Assert.True(link.TrySend(Text(new string('a', 60))));
        Assert.False(link.TrySend(Text(new string('b', 60))));
        var waiting = link.SendAsync(Text(new string('c', 60)), Token);
        Assert.False(waiting.IsCompleted);

        using var service = new RawPeer(at);
        using var peer = await service.AcceptAsync();
        await peer.HelloAsync();

        Assert.Equal(new string('a', 60), await peer.TextAsync());
        Assert.True(await waiting);
        Assert.Equal(new string('c', 60), await peer.TextAsync());
    }

    [Fact]
    public async Task Existing_services_give_up_and_ours_do_not()
    {
        var quick = ConnectRetry.Existing with
        {
            ShortWait = TimeSpan.FromMilliseconds(1),
            LongWait = TimeSpan.FromMilliseconds(1),
        };
        var (_, run) = Dial(RawPeer.FreePort(), setup => setup with { Retry = quick });
        Assert.Equal(LinkEnd.GivenUp, await run.WaitAsync(Token));

        var at = RawPeer.FreePort();
        Dial(
            at,
            setup => setup with { Retry = quick with { GivesUp = false, MostWait = TimeSpan.FromMilliseconds(20) } }
        );
        await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, Token);
        using var service = new RawPeer(at);
        using var peer = await service.AcceptAsync();
        Assert.Equal("67", await peer.HelloAsync());
    }

    [Fact]
    public async Task A_link_that_is_ended_says_what_waits_first()
    {
        var at = RawPeer.FreePort();
        using var service = new RawPeer(at);
        var (link, run) = Dial(at);
        using var peer = await service.AcceptAsync();
        link.TrySend(Text("last"));
        link.TrySend(LinkFrame.Bye);
        link.Close();

        await peer.HelloAsync();
        Assert.Equal("last", await peer.TextAsync());
        Assert.Equal([0xff, 0xff, 0xff, 0xff], await peer.ReadAsync(4));
        Assert.Empty(await peer.ReadAsync(1)); // An end, and no error.
        Assert.Equal(LinkEnd.Ended, await run.WaitAsync(Token));
    }

    [Fact]
    public async Task A_service_takes_two_connections_of_a_call_and_forgets_a_call_that_is_over()
    {
        List<(CallId Call, LinkConnection Connection)> taken = [];
        using var came = new SemaphoreSlim(0);
        using var listener = new LinkListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            static _ => true,
            TimeProvider.System,
            NullLogger.Instance
        );
        var attached = new Attached();
        var (link, _) = Serve(attached);
        _ = listener.TakeAsync(
            (call, connection) =>
            {
                taken.Add((call, connection));
                came.Release();
                return attached.TryAttach(connection);
            },
            _over.Token
        );

        using var first = await RawPeer.ConnectAsync(listener.At.Port);
        first.Write(Hello.Of(Call));
        await came.WaitAsync(Token);
        using var second = await RawPeer.ConnectAsync(listener.At.Port);
        second.Write(Hello.Of(Call));
        await came.WaitAsync(Token);
        first.Write([0, 0, 0, 1, (byte)'a']);
        Assert.Equal("a", Encoding.UTF8.GetString((await link.Incoming.ReadAsync(Token)).Payload.Span));
        second.Write([0, 0, 0, 1, (byte)'b']);
        Assert.Equal("b", Encoding.UTF8.GetString((await link.Incoming.ReadAsync(Token)).Payload.Span));

        await _states.UntilAsync(LinkState.Up);
        link.TrySend(Text("to the newest"));
        Assert.Equal("to the newest", await second.TextAsync());
        second.Kill();
        first.Write([0, 0, 0, 1, (byte)'c']);
        Assert.Equal("c", Encoding.UTF8.GetString((await link.Incoming.ReadAsync(Token)).Payload.Span));
        Assert.All(taken, static one => Assert.Equal(Call, one.Call));
    }

    [Fact]
    public async Task A_connection_that_comes_while_the_one_before_goes_makes_a_link_that_is_up()
    {
        using var listener = new LinkListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            static _ => true,
            TimeProvider.System,
            NullLogger.Instance
        );
        var attached = new Attached();
        var (link, _) = Serve(attached);
        _ = listener.TakeAsync((_, connection) => attached.TryAttach(connection), _over.Token);
        var peer = await RawPeer.ConnectAsync(listener.At.Port);
        peer.Write(Hello.Of(Call));
        for (var i = 0; i < 200; i++)
        {
            var next = await RawPeer.ConnectAsync(listener.At.Port);
            await Task.WhenAll(Task.Run(() => next.Write(Hello.Of(Call)), Token), Task.Run(peer.Kill, Token));
            peer.Dispose();
            peer = next;
            link.TrySend(Text($"{i}"));
            while (await peer.TextAsync() != $"{i}")
            {
                // What the one before took with it is said again.
            }

            Assert.Equal(LinkState.Up, link.Look().State);
        }

        peer.Dispose();
    }

    [Fact]
    public async Task Who_may_not_connect_hears_nothing_of_a_call()
    {
        using var listener = new LinkListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            static _ => false,
            TimeProvider.System,
            NullLogger.Instance
        );
        var attached = new Attached();
        Serve(attached);
        _ = listener.TakeAsync(Call, attached, _over.Token);

        using var peer = await RawPeer.ConnectAsync(listener.At.Port);
        Assert.Empty(await peer.ReadAsync(1));
    }

    [Fact]
    public void A_port_that_is_taken_is_said_so()
    {
        using var peer = new RawPeer(0);
        var taken = Assert.Throws<LinkPortException>(() =>
            new LinkListener(
                new IPEndPoint(IPAddress.Loopback, peer.Port),
                static _ => true,
                TimeProvider.System,
                NullLogger.Instance
            )
        );
        Assert.Contains($"Port {peer.Port} ", taken.Message, StringComparison.Ordinal);
    }

    private static LinkFrame Text(string text) => new(FrameKind.Text, Encoding.UTF8.GetBytes(text));

    private (VoiceLink Link, Task<LinkEnd> Run) Dial(int port, Func<LinkSetup, LinkSetup>? with = null)
    {
        var setup = new LinkSetup { Retry = new() { ShortWait = TimeSpan.FromMilliseconds(50) } };
        setup = with?.Invoke(setup) ?? setup;
        var peer = new IPEndPoint(IPAddress.Loopback, port);
        return Run(new Dialing("text", Call, peer, Hello.Say(Call), setup, NullLogger.Instance), setup);
    }

    private (VoiceLink Link, Task<LinkEnd> Run) Serve(Attached attached) => Run(attached, new LinkSetup());

    private (VoiceLink Link, Task<LinkEnd> Run) Run(ILinkOpening opening, LinkSetup setup)
    {
        var link = new VoiceLink("text", Call, (FrameCodec.Text, FrameCodec.Text), opening, setup, NullLogger.Instance)
        {
            Changed = _states.Add,
        };
        _ours.Add(link);
        return (link, link.RunAsync(_over.Token));
    }
}
