using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links;

/// <summary>
/// A port on which connections of links are taken: those of one call, or of any that say whose they are. Who connects from elsewhere than
/// it is allowed, says nothing, or says what is no hello, is let go, and keeps nobody waiting.
/// </summary>
internal sealed partial class LinkListener : IDisposable
{
    private const int MostUnknown = 256; // Connections that have not said yet whose they are.
    private readonly Socket _socket;
    private readonly Func<IPAddress, bool> _allows;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private int _unknown;

    /// <param name="at">Where it listens; port 0 is any that is free.</param>
    /// <param name="allows">Who may connect.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="LinkPortException">The port is taken, or may not be used.</exception>
    public LinkListener(IPEndPoint at, Func<IPAddress, bool> allows, TimeProvider time, ILogger logger)
    {
        (_allows, _time, _logger) = (allows, time, logger);
        _socket = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _socket.Bind(at);
            _socket.Listen(512);
            At = (IPEndPoint)_socket.LocalEndPoint!;
        }
        catch (SocketException e)
        {
            _socket.Dispose();
            throw new LinkPortException(at, e);
        }
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint At { get; }

    /// <summary>Takes connections of one call, and says on each whose it is.</summary>
    /// <param name="call">The call.</param>
    /// <param name="link">What they are for.</param>
    /// <param name="ct">Ends it.</param>
    public Task TakeAsync(CallId call, Attached link, CancellationToken ct) =>
        TakeAsync(
            async connection =>
            {
                await connection.WriteAsync(Hello.Of(call), ct);
                return link.TryAttach(connection);
            },
            ct
        );

    /// <summary>Takes connections that say whose they are.</summary>
    /// <param name="take">Takes one. False: nobody wants it.</param>
    /// <param name="ct">Ends it.</param>
    public Task TakeAsync(Func<CallId, LinkConnection, bool> take, CancellationToken ct) =>
        TakeAsync(async connection => take(await connection.ReadHelloAsync(ct), connection), ct);

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    /// <summary>Takes connections.</summary>
    /// <param name="greet">Says and hears what comes first, and takes one. False: nobody wants it.</param>
    /// <param name="ct">Ends it.</param>
    public async Task TakeAsync(Func<LinkConnection, Task<bool>> greet, CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await _socket.AcceptAsync(ct);
            }
            catch (SocketException e) when (e.SocketErrorCode is not SocketError.OperationAborted)
            {
                LogAccept(_logger, At, e.Message); // One that was gone again, or no more files may be open.
                await Task.Delay(TimeSpan.FromMilliseconds(100), _time, ct);
                continue;
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }

            if (Interlocked.Increment(ref _unknown) > MostUnknown || !_allows(AddressOf(socket)))
            {
                LogRefused(_logger, At, socket.RemoteEndPoint);
                Interlocked.Decrement(ref _unknown);
                socket.Dispose();
                continue;
            }

            _ = GreetAsync(socket, greet); // Catches what goes wrong, and lasts as long as a hello may.
        }
    }

    private async Task GreetAsync(Socket socket, Func<LinkConnection, Task<bool>> greet)
    {
        LinkConnection? connection = null;
        try
        {
            connection = new LinkConnection(socket, _time);
            if (await greet(connection))
            {
                connection = null; // Somebody has it.
            }
        }
        catch (Exception e)
            when (e
                    is FrameException
                        or IOException
                        or SocketException
                        or OperationCanceledException
                        or ObjectDisposedException
            )
        {
            LogNoHello(_logger, At, connection?.Peer, e.Message);
        }
        finally
        {
            Interlocked.Decrement(ref _unknown);
            if (connection is not null)
            {
                await connection.DisposeAsync();
            }
        }
    }

    private static IPAddress AddressOf(Socket socket) =>
        ((IPEndPoint)socket.RemoteEndPoint!).Address is { IsIPv4MappedToIPv6: true } mapped
            ? mapped.MapToIPv4()
            : ((IPEndPoint)socket.RemoteEndPoint!).Address;

    [LoggerMessage(Level = LogLevel.Warning, Message = "Port {At}: {Reason}")]
    private static partial void LogAccept(ILogger logger, IPEndPoint at, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Port {At}: {Peer} may not connect here, or too many have not said yet whose they are"
    )]
    private static partial void LogRefused(ILogger logger, IPEndPoint at, EndPoint? peer);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Port {At}: let {Peer} go: {Reason}")]
    private static partial void LogNoHello(ILogger logger, IPEndPoint at, IPEndPoint? peer, string reason);
}

/// <summary>A port cannot be used.</summary>
internal sealed class LinkPortException(IPEndPoint at, Exception why)
    : IOException(
        $"Port {at.Port} at {at.Address} cannot be used: {why.Message}. Another call or program has it.",
        why
    );
