using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Pollard.Testing;

/// <summary>A wire between agent and gateway that the test can cut.</summary>
public sealed class CuttableProxy : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private readonly int _target;
    private int _ended;

    /// <summary>A wire to a port of this machine, from a free port or from a given end.</summary>
    public CuttableProxy(int target, IPEndPoint? near = null)
    {
        _target = target;
        _listener = new TcpListener(near ?? new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>The near end's port.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How old a connection may become, as of a proxy that bounds how long a request takes. Absent: any age.</summary>
    public TimeSpan? Longest { get; init; }

    /// <summary>Connections that became too old.</summary>
    public int Ended => Volatile.Read(ref _ended);

    /// <summary>Ends every connection that there is, in the middle of whatever it carries.</summary>
    public void Cut()
    {
        while (_sockets.TryTake(out var socket))
        {
            socket.Close(0);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Cut();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var pumps = new List<Task>();
        try
        {
            while (true)
            {
                var near = await _listener.AcceptSocketAsync(_stop.Token);
                var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                near.NoDelay = true;
                await far.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _target), _stop.Token);
                _sockets.Add(near);
                _sockets.Add(far);
                if (Longest is { } longest)
                {
                    pumps.Add(EndAsync(near, far, longest));
                }

                pumps.Add(PumpAsync(near, far));
                pumps.Add(PumpAsync(far, near));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            Cut();
            await Task.WhenAll(pumps);
        }
    }

    private async Task EndAsync(Socket near, Socket far, TimeSpan longest)
    {
        try
        {
            await Task.Delay(longest, TimeProvider.System, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        if (near.Connected)
        {
            Interlocked.Increment(ref _ended);
        }

        near.Close(0);
        far.Close(0);
    }

    private static async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[16 * 1024]; // No token: cutting ends it, as it would a wire.
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer, CancellationToken.None)) > 0)
            {
                for (var sent = 0; sent < read; )
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), CancellationToken.None);
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut.
        }
    }
}
