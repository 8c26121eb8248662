using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Legs.Sip;

/// <summary>Messages by UDP and TCP at one port. One loop hears the datagrams of all calls, and nothing that is sent is waited for.</summary>
internal sealed partial class SipTransport : IDisposable
{
    private const int MostDatagramBytes = 65_535;
    private const int ReceiveBytes = 1024 * 1024; // A burst of calls that begin at once.
    private const int MostConnections = 1_024;
    private const int MostPortTries = 16;
    private static readonly TimeSpan ConnectWithin = TimeSpan.FromSeconds(4);
    private readonly SipSettings _settings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Socket _datagrams;
    private readonly LegListener _listener;
    private readonly RunningTasks _connected = new();
    private Action<SipMessage, string?, SipFlow> _hear = static (_, _, _) => { };
    private CancellationToken _ended; // While it runs.

    /// <exception cref="IOException">The port is taken, or may not be used.</exception>
    public SipTransport(SipSettings settings, TimeProvider time, ILogger logger)
    {
        (_settings, _time, _logger) = (settings, time, logger);
        (_datagrams, _listener) = Open(settings, time, logger);
        _datagrams.ReceiveBufferSize = ReceiveBytes;
        _datagrams.Blocking = false;
    }

    /// <summary>Where we listen.</summary>
    public IPEndPoint At => _listener.At;

    /// <summary>The address and port that another side is told.</summary>
    public IPEndPoint PlaceFor(SipFlow flow) => new(AddressFor(flow.Remote.Address), At.Port);

    /// <summary>The address that another side is told.</summary>
    public IPAddress AddressFor(IPAddress remote)
    {
        if (_settings.PublicAddress is { } known)
        {
            return known;
        }

        if (!At.Address.Equals(IPAddress.Any) && !At.Address.Equals(IPAddress.IPv6Any))
        {
            return At.Address;
        }

        // Nothing is sent: the kernel only says from where it would be.
        using var socket = new Socket(remote.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Connect(remote, 9);
            return ((IPEndPoint)socket.LocalEndPoint!).Address;
        }
        catch (SocketException)
        {
            return At.Address; // It cannot be reached; then it does not matter.
        }
    }

    /// <summary>Hears messages until <paramref name="ct"/> is set.</summary>
    /// <param name="hear">Is told each, what is wrong with it, and where it came from; returns at once, on any thread.</param>
    /// <param name="ct">Ends it.</param>
    public async Task RunAsync(Action<SipMessage, string?, SipFlow> hear, CancellationToken ct)
    {
        (_hear, _ended) = (hear, ct);
        await Task.WhenAll(
            HearDatagramsAsync(ct),
            _listener.RunAsync((socket, _) => HearStreamAsync(new SipStream(socket, _time)), ct)
        );
        await Task.WhenAll(_listener.ServedAsync(), _connected.EndedAsync());
    }

    /// <summary>Sends a message, as far as that is possible.</summary>
    public void Send(SipFlow flow, byte[] message)
    {
        if (flow.Stream is { } stream)
        {
            stream.Send(message);
            return;
        }

        try
        {
            _datagrams.SendTo(message, flow.Remote);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            LogTrouble(_logger, At, e.Message); // As good as lost on the way, for which there are retries.
        }
    }

    /// <summary>Sends a message, and again until it has its answer.</summary>
    /// <param name="flow">The way.</param>
    /// <param name="message">The message.</param>
    /// <param name="isRepeated">Whether it is sent again at all.</param>
    /// <param name="answered">Ends it.</param>
    /// <param name="within">When it is given up.</param>
    /// <param name="ct">Gives it up.</param>
    /// <returns>Whether it had its answer.</returns>
    public async Task<bool> SendUntilAsync(
        SipFlow flow,
        byte[] message,
        bool isRepeated,
        Task answered,
        TimeSpan within,
        CancellationToken ct
    )
    {
        var begun = _time.GetTimestamp();
        for (var wait = _settings.Timing.First; ; wait = _settings.Timing.After(wait))
        {
            Send(flow, message);
            var left = within - _time.GetElapsedTime(begun);
            var until = isRepeated && wait < left ? wait : left;
            if (until > TimeSpan.Zero)
            {
                await answered.WaitAsync(until, _time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            if (answered.IsCompleted || ct.IsCancellationRequested || _time.GetElapsedTime(begun) >= within)
            {
                return answered.IsCompleted;
            }
        }
    }

    /// <summary>A way to another side that was not made by it.</summary>
    /// <exception cref="SocketException">It cannot be connected to.</exception>
    public async Task<SipFlow> ReachAsync(IPEndPoint remote, bool isTcp, CancellationToken ct)
    {
        if (!isTcp)
        {
            return new SipFlow(remote, null);
        }

        var socket = new Socket(remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            using var within = new CancellationTokenSource(ConnectWithin, _time);
            using var late = CancellationTokenSource.CreateLinkedTokenSource(within.Token, ct);
            await socket.ConnectAsync(remote, late.Token);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        var stream = new SipStream(socket, _time);
        _connected.Add(HearStreamAsync(stream));
        return new SipFlow(remote, stream);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _datagrams.Dispose();
        _listener.Dispose();
    }

    // Both have the same port; where it is any, one that is free for both is looked for.
    private static (Socket, LegListener) Open(SipSettings settings, TimeProvider time, ILogger logger)
    {
        for (var tries = 1; ; tries++)
        {
            var datagrams = LegPort.Open(settings.At, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                var at = (IPEndPoint)datagrams.LocalEndPoint!;
                return (datagrams, new LegListener(at, settings.MayCall, MostConnections, time, logger));
            }
            catch (IOException) when (settings.At.Port == 0 && tries < MostPortTries)
            {
                datagrams.Dispose();
            }
            catch
            {
                datagrams.Dispose();
                throw;
            }
        }
    }

    private async Task HearDatagramsAsync(CancellationToken ct)
    {
        var any = new IPEndPoint(At.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        var datagram = new byte[MostDatagramBytes];
        while (!ct.IsCancellationRequested)
        {
            try
            {
                var got = await _datagrams.ReceiveFromAsync(datagram, any, ct);
                HearDatagram(datagram.AsSpan(0, got.ReceivedBytes), (IPEndPoint)got.RemoteEndPoint);
            }
            catch (SocketException e)
            {
                LogTrouble(_logger, At, e.Message); // Word that somebody does not hear.
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private void HearDatagram(ReadOnlySpan<byte> datagram, IPEndPoint from)
    {
        if (!_settings.MayCall(LegPort.AddressOf(from)) || !datagram.ContainsAnyExcept("\r\n\0"u8))
        {
            return; // A stranger, or a sign of life.
        }

        var problem = SipParser.Read(datagram, out var message);
        if (message is null)
        {
            LogNone(_logger, At, from, problem);
            return;
        }

        Hear(message, problem, new SipFlow(from, null));
    }

    private async Task HearStreamAsync(SipStream stream)
    {
        using (stream)
        {
            var flow = new SipFlow(stream.Remote, stream);
            try
            {
                await stream.RunAsync((message, problem) => Hear(message, problem, flow), _ended);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                LogTrouble(_logger, At, e.Message);
            }
        }
    }

    private void Hear(SipMessage message, string? problem, SipFlow flow)
    {
        try
        {
            _hear(message, problem, flow);
        }
        catch (Exception e)
        {
            LogBroken(_logger, At, flow, e); // One message must not be the end of all others.
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "SIP at {At}: {Reason}")]
    private static partial void LogTrouble(ILogger logger, IPEndPoint at, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "SIP at {At}: what {From} sent is no message: {Reason}")]
    private static partial void LogNone(ILogger logger, IPEndPoint at, IPEndPoint from, string? reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "SIP at {At}: a message from {From} broke")]
    private static partial void LogBroken(ILogger logger, IPEndPoint at, SipFlow from, Exception exception);
}
