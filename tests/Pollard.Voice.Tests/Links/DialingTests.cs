using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Pollard.Voice.Links;

namespace Pollard.Voice.Tests.Links;

/// <summary>How a service is looked for that is not there yet, by a clock that a test turns.</summary>
public sealed class DialingTests
{
    private static readonly IPAddress Another = IPAddress.Parse("127.0.0.2");
    private static readonly TimeSpan Brief = TimeSpan.FromMilliseconds(80);
    private readonly WaitClock _clock = new();
    private readonly WarningCount _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_service_that_comes_late_is_found_at_the_next_try_however_many_failed_and_the_log_stays_quiet()
    {
        var port = RawPeer.FreePort();
        var opening = NewDialing(port, ConnectRetry.Ours).OpenAsync(Token);
        for (var tried = 1; tried <= 50; tried++)
        {
            Assert.Equal(Brief, await _clock.NextWaitAsync());
            _clock.Advance(Brief);
        }

        Assert.Equal(Brief, await _clock.NextWaitAsync());
        Assert.Equal(3, _log.Warnings);
        _clock.Advance(ConnectRetry.Ours.LogEvery);
        Assert.Equal(Brief, await _clock.NextWaitAsync());
        Assert.Equal(4, _log.Warnings);

        using var service = new RawPeer(port);
        _clock.Advance(Brief);
        using var peer = await service.AcceptAsync();
        await using var connection = await opening;
        Assert.NotNull(connection);
    }

    [Fact]
    public async Task An_existing_service_is_tried_as_before_though_it_is_on_this_machine()
    {
        var opening = NewDialing(RawPeer.FreePort(), ConnectRetry.Existing).OpenAsync(Token);
        List<double> waits = [];
        for (var tried = 1; tried < 10; tried++)
        {
            waits.Add((await _clock.NextWaitAsync()).TotalMilliseconds);
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Null(await opening);
        Assert.Equal([200, 200, 200, 200, 200, 1_000, 1_000, 1_000, 1_000], waits);
    }

    [Fact]
    public async Task A_service_that_comes_back_at_another_address_is_found_by_its_name()
    {
        var port = RawPeer.FreePort();
        var lookups = 0;
        var dialing = NewDialing(new ServicePlace("stt", port), FindAsync);
        using (var service = new RawPeer(port))
        {
            await using var first = await dialing.OpenAsync(Token);
            Assert.Equal(IPAddress.Loopback, first!.Peer.Address);
        }

        using var elsewhere = new RawPeer(port, at: Another);
        await using var again = await dialing.OpenAsync(Token);
        Assert.Equal(Another, again!.Peer.Address);
        Assert.Equal(2, lookups);

        Task<IPAddress[]> FindAsync(string name, CancellationToken ct)
        {
            Assert.Equal("stt", name);
            return Task.FromResult<IPAddress[]>(++lookups == 1 ? [IPAddress.Loopback] : [Another]);
        }
    }

    [Fact]
    public async Task A_name_that_is_not_known_yet_is_looked_up_until_it_is()
    {
        using var service = new RawPeer(0);
        var lookups = 0;
        var opening = NewDialing(
                new ServicePlace("stt", service.Port),
                (_, _) =>
                    ++lookups < 3
                        ? Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound))
                        : Task.FromResult<IPAddress[]>([IPAddress.Loopback])
            )
            .OpenAsync(Token);
        for (var i = 0; i < 2; i++)
        {
            _clock.Advance(await _clock.NextWaitAsync());
        }

        await using var connection = await opening;
        Assert.Equal(3, lookups);
        Assert.Equal(1, _log.Warnings);
    }

    [Fact]
    public async Task All_addresses_of_a_name_are_called_in_one_try()
    {
        using var service = new RawPeer(0);
        await using var connection = await NewDialing(
                new ServicePlace("stt", service.Port),
                static (_, _) => Task.FromResult<IPAddress[]>([Another, IPAddress.IPv6Loopback, IPAddress.Loopback])
            )
            .OpenAsync(Token);
        Assert.Equal(IPAddress.Loopback, connection!.Peer.Address);
        Assert.Equal(0, _log.Warnings);
    }

    [Fact]
    public async Task A_lookup_that_nobody_answers_ends_with_the_time_of_its_try()
    {
        using var service = new RawPeer(0);
        var lookups = 0;
        var begun = new SemaphoreSlim(0);
        var opening = NewDialing(new ServicePlace("stt", service.Port), FindAsync).OpenAsync(Token);
        await begun.WaitAsync(Token);
        _clock.Advance(WaitClock.Patience);
        _clock.Advance(await _clock.NextWaitAsync());

        await using var connection = await opening;
        Assert.NotNull(connection);
        begun.Dispose();

        async Task<IPAddress[]> FindAsync(string name, CancellationToken ct)
        {
            if (++lookups == 1)
            {
                begun.Release();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
            }

            return [IPAddress.Loopback];
        }
    }

    private Dialing NewDialing(int port, ConnectRetry retry) =>
        NewDialing(new IPEndPoint(IPAddress.Loopback, port), new LinkSetup().Lookup, retry);

    private Dialing NewDialing(ServicePlace service, AddressLookup lookup, ConnectRetry? retry = null) =>
        new(
            "control",
            CallId.Parse("67"),
            service,
            static (_, _) => Task.CompletedTask,
            new LinkSetup
            {
                Retry = (retry ?? ConnectRetry.Ours) with { TryWithin = WaitClock.Patience },
                Lookup = lookup,
                Time = _clock,
            },
            _log
        );

    /// <summary>A clock that says what is waited for.</summary>
    private sealed class WaitClock : FakeTimeProvider
    {
        /// <summary>How long a try may take: no wait.</summary>
        public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1_234);
        private readonly Channel<TimeSpan> _waits = Channel.CreateBounded<TimeSpan>(100);

        public async Task<TimeSpan> NextWaitAsync() =>
            await _waits
                .Reader.ReadAsync(Token)
                .AsTask()
                .WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            if (dueTime != Patience)
            {
                _waits.Writer.TryWrite(dueTime);
            }

            return timer;
        }
    }

    private sealed class WarningCount : ILogger
    {
        private int _warnings;

        public int Warnings => Volatile.Read(ref _warnings);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => Interlocked.Add(ref _warnings, logLevel == LogLevel.Warning ? 1 : 0);
    }
}
