using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Pollard.Testing;

/// <summary>A wire between an agent and its server that the test can cut, and that can be as bad as a test wants.</summary>
public sealed class CuttableProxy : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly ConcurrentBag<MemoryStream> _answers = [];
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

    /// <summary>What is wrong with the wire. Absent: nothing.</summary>
    public WireTrouble? Trouble { get; init; }

    /// <summary>Whether the wire remembers what it has carried to the near end.</summary>
    public bool KeepsAnswers { get; init; }

    /// <summary>What has arrived at the near end so far, a text for each connection.</summary>
    public IReadOnlyList<string> Answers => [.. _answers.Select(Read)];

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

                pumps.Add(PumpAsync(near, far, null));
                pumps.Add(PumpAsync(far, near, KeepAnswer()));
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

    private static string Read(MemoryStream kept)
    {
        lock (kept)
        {
            return Encoding.UTF8.GetString(kept.ToArray());
        }
    }

    private MemoryStream? KeepAnswer()
    {
        if (!KeepsAnswers)
        {
            return null;
        }

        var kept = new MemoryStream();
        _answers.Add(kept);
        return kept;
    }

    private async Task PumpAsync(Socket from, Socket to, MemoryStream? kept)
    {
        var buffer = new byte[16 * 1024]; // No token: cutting ends it, as it would a wire.
        var isSilent = false;
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer, CancellationToken.None)) > 0)
            {
                isSilent = isSilent || await PassAsync(buffer.AsMemory(0, read), from, to, kept);
            }

            if (!isSilent)
            {
                to.Shutdown(SocketShutdown.Send);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut.
        }
    }

    /// <summary>Passes on what is to arrive of a piece. True: nothing more may, from here on.</summary>
    private async Task<bool> PassAsync(ReadOnlyMemory<byte> piece, Socket from, Socket to, MemoryStream? kept)
    {
        var fate = Trouble?.Draw(piece.Length) ?? new WireTrouble.PieceFate(default, piece.Length, default);
        if (fate.Delay > TimeSpan.Zero)
        {
            await Task.Delay(fate.Delay, TimeProvider.System, CancellationToken.None); // Short, and the test waits for it at the end.
        }

        for (var left = piece[..fate.Bytes]; left.Length > 0; )
        {
            var sent = await to.SendAsync(left, CancellationToken.None);
            Keep(kept, left.Span[..sent]);
            left = left[sent..];
        }

        if (fate.End == WireTrouble.End.Cut)
        {
            from.Close(0);
            to.Close(0);
        }

        return fate.End == WireTrouble.End.Swallowed;
    }

    private static void Keep(MemoryStream? kept, ReadOnlySpan<byte> bytes)
    {
        if (kept is not null)
        {
            lock (kept)
            {
                kept.Write(bytes);
            }
        }
    }
}
