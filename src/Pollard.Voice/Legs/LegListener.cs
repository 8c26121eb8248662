using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Legs;

/// <summary>Takes connections, each of which is then served by itself. Who may not connect, or is one too many, is let go at once.</summary>
internal sealed partial class LegListener : IDisposable
{
    private const int MostWaiting = 512; // A burst of calls that begin at once.
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromMilliseconds(100);
    private readonly Socket _socket;
    private readonly Func<IPAddress, bool> _allows;
    private readonly int _most;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RunningTasks _serving = new();

    /// <param name="at">Where it listens; port 0 is any that is free.</param>
    /// <param name="allows">Who may connect.</param>
    /// <param name="most">Connections at a time.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="IOException">The port is taken, or may not be used.</exception>
    public LegListener(IPEndPoint at, Func<IPAddress, bool> allows, int most, TimeProvider time, ILogger logger)
    {
        (_allows, _most, _time, _logger) = (allows, most, time, logger);
        _socket = LegPort.Open(at, SocketType.Stream, ProtocolType.Tcp);
        _socket.Listen(MostWaiting);
        At = (IPEndPoint)_socket.LocalEndPoint!;
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint At { get; }

    /// <summary>Takes connections until <paramref name="ct"/> is set.</summary>
    /// <param name="serve">Serves one, which is closed afterwards.</param>
    /// <param name="ct">Ends it, and is passed on.</param>
    public async Task RunAsync(Func<Socket, CancellationToken, Task> serve, CancellationToken ct)
    {
        try
        {
            while (true)
            {
                _serving.Add(ServeAsync(await AcceptAsync(ct), serve, ct));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The end that was asked for.
        }
    }

    /// <summary>Takes one connection, which is the caller's of this from then on.</summary>
    public async Task<Socket> AcceptAsync(CancellationToken ct)
    {
        while (true)
        {
            if (await TryAcceptAsync(ct) is { } socket)
            {
                return socket;
            }
        }
    }

    /// <summary>Ends when no connection is served any more, after <see cref="RunAsync"/>.</summary>
    public Task ServedAsync() => _serving.EndedAsync();

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private async Task<Socket?> TryAcceptAsync(CancellationToken ct)
    {
        try
        {
            var socket = await _socket.AcceptAsync(ct);
            if (_allows(LegPort.AddressOf(socket.RemoteEndPoint)) && _serving.Count < _most)
            {
                return socket;
            }

            LogRefused(_logger, At, socket.RemoteEndPoint);
            socket.Dispose();
        }
        catch (SocketException e)
        {
            LogTrouble(_logger, At, e.Message); // One that was gone again, or no more files may be open.
            await Task.Delay(AfterTrouble, _time, ct);
        }

        return null;
    }

    private async Task ServeAsync(Socket socket, Func<Socket, CancellationToken, Task> serve, CancellationToken ct)
    {
        using (socket)
        {
            try
            {
                socket.NoDelay = true;
                await Task.Run(() => serve(socket, ct), CancellationToken.None);
            }
            catch (Exception e)
                when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
            {
                LogEnded(_logger, At, e.Message);
            }
            catch (Exception e)
            {
                LogBroken(_logger, At, e); // One caller must not be the end of all others.
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Port {At}: {Reason}")]
    private static partial void LogTrouble(ILogger logger, IPEndPoint at, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Port {At}: {Peer} may not connect here, or is one too many")]
    private static partial void LogRefused(ILogger logger, IPEndPoint at, EndPoint? peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Port {At}: a connection has ended: {Reason}")]
    private static partial void LogEnded(ILogger logger, IPEndPoint at, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Port {At}: serving a connection broke")]
    private static partial void LogBroken(ILogger logger, IPEndPoint at, Exception exception);
}
