using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links;

/// <summary>When a service is asked to connect: often at first, then each second, until it has.</summary>
internal sealed record RegisterSchedule
{
    /// <summary>The wait in the beginning.</summary>
    public TimeSpan FastWait { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How long the beginning is.</summary>
    public TimeSpan FastFor { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The wait after it.</summary>
    public TimeSpan SlowWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The random part of a wait, of its length, in either direction.</summary>
    public double Jitter { get; init; } = 0.1;

    /// <summary>How long to wait before the next, so long after the first.</summary>
    public TimeSpan WaitAfter(TimeSpan elapsed, Random random) =>
        (elapsed < FastFor ? FastWait : SlowWait) * (1 + (Jitter * ((2 * random.NextDouble()) - 1)));
}

/// <summary>Asks services by datagrams to connect to calls of this side.</summary>
internal sealed partial class Registering : IDisposable
{
    private static readonly TimeSpan LookUpEvery = TimeSpan.FromSeconds(2);
    private readonly Socket _socket = new(SocketType.Dgram, ProtocolType.Udp); // For addresses of either kind.
    private readonly ServicePlace _service;
    private readonly string _link;
    private readonly RegisterSchedule _schedule;
    private readonly LinkSetup _setup;
    private readonly ILogger _logger;
    private IReadOnlyList<IPEndPoint> _at = [];
    private long _lookedUp;
    private int _sent;

    /// <param name="link">The name of the links that are asked for.</param>
    /// <param name="service">Where the service hears.</param>
    /// <param name="schedule">How often it is asked.</param>
    /// <param name="setup">The clock and the jitter.</param>
    /// <param name="logger">The log.</param>
    public Registering(string link, ServicePlace service, RegisterSchedule schedule, LinkSetup setup, ILogger logger) =>
        (_link, _service, _schedule, _setup, _logger) = (link, service, schedule, setup, logger);

    /// <summary>Asks for a call while its link has no connection, until it is over.</summary>
    /// <param name="call">The call.</param>
    /// <param name="isConnected">True while there is a connection.</param>
    /// <param name="changed">Ends when that may have changed.</param>
    /// <param name="ct">The call is over: the service is told so.</param>
    public async Task RunAsync(CallId call, Func<bool> isConnected, Func<Task> changed, CancellationToken ct)
    {
        var begun = _setup.Time.GetTimestamp();
        try
        {
            while (true)
            {
                var change = changed();
                if (isConnected())
                {
                    await change.WaitAsync(ct);
                    begun = _setup.Time.GetTimestamp(); // A service that was lost in the middle is asked as often as a new one.
                    continue;
                }

                await SendAsync($"REGISTER:{call}", ct);
                LinkMetrics.Registered(_link);
                var wait = _schedule.WaitAfter(_setup.Time.GetElapsedTime(begun), _setup.Random);
                await WaitAsync(change, wait, ct);
            }
        }
        catch (OperationCanceledException)
        {
            await SendAsync($"BYE:{call}", CancellationToken.None); // To a socket that is never full for long.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    /// <summary>To each of the service's addresses in turn.</summary>
    private async Task SendAsync(string text, CancellationToken ct)
    {
        try
        {
            if (_at.Count == 0 || _setup.Time.GetElapsedTime(_lookedUp) >= LookUpEvery)
            {
                _lookedUp = _setup.Time.GetTimestamp();
                _at = await _service.FindAsync(_setup.Lookup, ct);
            }

            if (_at.Count > 0)
            {
                await _socket.SendToAsync(Encoding.ASCII.GetBytes(text), _at[_sent++ % _at.Count], ct);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            LogNotSent(_logger, _link, _service, e.Message); // There is another one soon.
        }
    }

    private async Task WaitAsync(Task change, TimeSpan wait, CancellationToken ct)
    {
        try
        {
            await change.WaitAsync(wait, _setup.Time, ct);
        }
        catch (TimeoutException)
        {
            // It is time for the next.
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Link}: no datagram to {Service}: {Reason}")]
    private static partial void LogNotSent(ILogger logger, string link, ServicePlace service, string reason);
}
