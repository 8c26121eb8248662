using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Voice.Links;

namespace Pollard.Voice.Tests.Links;

/// <summary>Registrations by real datagrams: lost, doubled, late, odd and too many.</summary>
public sealed class RegisterTests : IAsyncDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly ConcurrentQueue<string> _served = new();
    private readonly SemaphoreSlim _serving = new(0);
    private readonly SemaphoreSlim _ended = new(0);
    private readonly RegisterListener _listener;
    private readonly Task _listening;
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

    public RegisterTests()
    {
        _listener = new RegisterListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            static _ => true,
            ServeAsync,
            TimeProvider.System,
            NullLogger.Instance
        );
        _listening = _listener.RunAsync(_over.Token);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _listening;
        _listener.Dispose();
        _socket.Dispose();
        _over.Dispose();
        _serving.Dispose();
        _ended.Dispose();
    }

    [Fact]
    public async Task However_often_a_call_asks_it_is_served_once_until_it_is_over_and_then_anew()
    {
        for (var i = 0; i < 500; i++)
        {
            Send("REGISTER:67");
        }

        await ServedAsync();
        await SendUntilAsync("REGISTER:68", _serving);
        Assert.Equal(["67", "68"], _served);

        await SendUntilAsync("BYE:67", _ended);
        await SendUntilAsync("REGISTER:67", _serving);
        Assert.Equal(["67", "68", "67"], _served);
    }

    [Theory]
    [InlineData("REGISTER:67\n")]
    [InlineData(" REGISTER:67")]
    [InlineData("REGISTER: load_test_001 ")]
    [InlineData("REGISTER:")]
    [InlineData("REGISTER")]
    [InlineData(":67")]
    [InlineData("HELLO:67")]
    [InlineData("BYE:99")]
    [InlineData("REGISTER:6 7")]
    [InlineData("\0\0\0")]
    public async Task Odd_datagrams_are_read_where_they_can_be_and_harm_nobody(string text)
    {
        Send(text);
        Send($"REGISTER:{new string('9', 300)}");
        Send("REGISTER:1");
        await ServedAsync();
        if (!_served.Contains("1"))
        {
            await ServedAsync();
        }

        Assert.Contains("1", _served);
        Assert.True(_served.Count == 1 || text is "REGISTER:67\n" or "REGISTER: load_test_001 ");
    }

    [Fact]
    public async Task A_flood_is_let_by_and_the_next_second_is_heard()
    {
        for (var i = 0; i < 20_000; i++)
        {
            Send($"REGISTER:{i + 100}");
        }

        await ServedAsync();
        await Task.Delay(TimeSpan.FromMilliseconds(1_100), TimeProvider.System, Token);
        Assert.InRange(_listener.Calls, 1, 2_000);
        await SendUntilAsync("BYE:100", _ended);
        while (!_served.Contains("x"))
        {
            await SendUntilAsync("REGISTER:x", _serving);
        }
    }

    [Fact]
    public async Task A_service_is_asked_until_it_has_connected_and_again_when_it_is_lost_and_told_the_end()
    {
        using var service = NewService(IPAddress.Loopback, 0);
        using var registering = new Registering(
            "inbound",
            (IPEndPoint)service.LocalEndPoint!,
            new RegisterSchedule { FastWait = TimeSpan.FromMilliseconds(20) },
            new LinkSetup(),
            NullLogger.Instance
        );
        var (isUp, changed) = (false, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        using var over = new CancellationTokenSource();
        var run = registering.RunAsync(CallId.Parse("67"), () => isUp, () => changed.Task, over.Token);
        Assert.Equal("REGISTER:67", await HearAsync(service));
        Assert.Equal("REGISTER:67", await HearAsync(service));

        Change(true);
        await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Token);
        while (service.Available > 0)
        {
            await HearAsync(service);
        }

        await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Token);
        Assert.Equal(0, service.Available); // It asks no more.
        Change(false);
        Assert.Equal("REGISTER:67", await HearAsync(service));
        await over.CancelAsync();
        await run;
        string last;
        while ((last = await HearAsync(service)) == "REGISTER:67")
        {
            // From before.
        }

        Assert.Equal("BYE:67", last);

        void Change(bool up)
        {
            var old = changed;
            (isUp, changed) = (up, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            old.SetResult();
        }
    }

    [Fact]
    public async Task A_service_that_is_somewhere_else_now_is_asked_there()
    {
        using var first = NewService(IPAddress.Loopback, 0);
        var port = ((IPEndPoint)first.LocalEndPoint!).Port;
        var another = IPAddress.Parse("127.0.0.2");
        using var second = NewService(another, port);
        var (clock, at) = (new FakeTimeProvider(), IPAddress.Loopback);
        using var registering = new Registering(
            "inbound",
            new ServicePlace("stt", port),
            new RegisterSchedule(),
            new LinkSetup { Lookup = (_, _) => Task.FromResult<IPAddress[]>([at]), Time = clock },
            NullLogger.Instance
        );
        using var over = new CancellationTokenSource();
        var never = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var run = registering.RunAsync(CallId.Parse("67"), () => false, () => never.Task, over.Token);
        Assert.Equal("REGISTER:67", await HearAsync(first));

        at = another;
        var heard = HearAsync(second);
        while (!heard.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(1)); // It is looked up anew each two.
            await Task.WhenAny(heard, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token));
        }

        Assert.Equal("REGISTER:67", await heard);
        await over.CancelAsync();
        await run;
    }

    private static Socket NewService(IPAddress at, int port)
    {
        var service = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        service.Bind(new IPEndPoint(at, port));
        return service;
    }

    private static async Task<string> HearAsync(Socket service)
    {
        var bytes = new byte[255];
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        return Encoding.ASCII.GetString(bytes, 0, await service.ReceiveAsync(bytes, limit.Token));
    }

    private async Task ServeAsync(RegisteredCall call, CancellationToken ct)
    {
        _served.Enqueue(call.Call.ToString());
        _serving.Release();
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
        }
        finally
        {
            _ended.Release();
        }
    }

    private void Send(string text) => _socket.SendTo(Encoding.ASCII.GetBytes(text), _listener.At);

    /// <summary>Says it again and again, as calls do: datagrams get lost.</summary>
    private async Task SendUntilAsync(string text, SemaphoreSlim happened)
    {
        for (var i = 0; i < 3_000; i++)
        {
            Send(text);
            if (await happened.WaitAsync(TimeSpan.FromMilliseconds(20), Token))
            {
                return;
            }
        }

        Assert.Fail($"{text} had no effect.");
    }

    private Task<bool> ServedAsync() => _serving.WaitAsync(TimeSpan.FromSeconds(60), Token);
}
