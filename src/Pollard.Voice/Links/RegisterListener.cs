using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links;

/// <summary>A call for which a service was asked to connect.</summary>
/// <param name="Call">The call.</param>
/// <param name="From">Who asked: it is there that is connected to, whatever a datagram says.</param>
/// <param name="Asked">Ends when it is asked again, which it is only while the link is down: a wait may be cut short.</param>
internal sealed record RegisteredCall(CallId Call, IPAddress From, Func<Task> Asked);

/// <summary>
/// Hears which calls want a service. However often one asks, in whatever order datagrams come, a call is served once at a time; and none
/// waits for another.
/// </summary>
internal sealed partial class RegisterListener : IDisposable
{
    private const int MostBytes = 255;
    private const int ReceiveBytes = 1024 * 1024; // A burst of a thousand calls that begin at once.
    private const int MostCalls = 2_000;
    private const int MostPerSecond = 5 * MostCalls; // Of all together: each call asks five times a second in the beginning.
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<CallId, Served> _calls = [];
    private readonly Socket _socket;
    private readonly Func<IPAddress, bool> _allows;
    private readonly Func<RegisteredCall, CancellationToken, Task> _serve;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private long _second;
    private int _inSecond;

    /// <param name="at">Where it hears; port 0 is any that is free.</param>
    /// <param name="allows">Who may ask.</param>
    /// <param name="serve">Serves a call, until it is told that the call is over; runs for each call by itself.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="LinkPortException">The port is taken, or may not be used.</exception>
    public RegisterListener(
        IPEndPoint at,
        Func<IPAddress, bool> allows,
        Func<RegisteredCall, CancellationToken, Task> serve,
        TimeProvider time,
        ILogger logger
    )
    {
        (_allows, _serve, _time, _logger) = (allows, serve, time, logger);
        _socket = new Socket(at.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = ReceiveBytes };
        try
        {
            _socket.Bind(at);
            At = (IPEndPoint)_socket.LocalEndPoint!;
        }
        catch (SocketException e)
        {
            _socket.Dispose();
            throw new LinkPortException(at, e);
        }
    }

    /// <summary>Where it hears.</summary>
    public IPEndPoint At { get; }

    /// <summary>Calls that are served.</summary>
    public int Calls => _calls.Count;

    /// <summary>Hears until <paramref name="ct"/> is set, and returns when no call is served any more.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var datagram = new byte[MostBytes + 1];
        while (!ct.IsCancellationRequested)
        {
            try
            {
                var from = new IPEndPoint(
                    At.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any,
                    0
                );
                var got = await _socket.ReceiveFromAsync(datagram, from, ct);
                Hear(datagram.AsSpan(0, got.ReceivedBytes), ((IPEndPoint)got.RemoteEndPoint).Address, ct);
            }
            catch (SocketException e)
            {
                LogTrouble(_logger, At, e.Message); // One that was too long, or an answer that nobody was there.
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                break;
            }
        }

        await Task.WhenAll(_calls.Values.Select(static served => served.Ended));
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private void Hear(ReadOnlySpan<byte> datagram, IPAddress from, CancellationToken ct)
    {
        if (IsTooMany() || datagram.Length > MostBytes || !_allows(from.IsIPv4MappedToIPv6 ? from.MapToIPv4() : from))
        {
            return;
        }

        var colon = datagram.IndexOf((byte)':');
        if (colon < 0 || !CallId.TryParse(datagram[(colon + 1)..], out var call))
        {
            LogOdd(_logger, At, from);
            return;
        }

        switch (datagram[..colon])
        {
            case var word when word.SequenceEqual("REGISTER"u8):
                Register(call, from, ct);
                break;
            case var word
                when word.SequenceEqual("BYE"u8)
                    && _calls.TryGetValue(call, out var served)
                    && served.From.Equals(from):
                served.End();
                break;
        }
    }

    private void Register(CallId call, IPAddress from, CancellationToken ct)
    {
        if (_calls.TryGetValue(call, out var known))
        {
            known.AskedAgain();
            return;
        }

        if (_calls.Count >= MostCalls)
        {
            LogFull(_logger, At, call);
            return;
        }

        var served = new Served(from, ct);
        _calls[call] = served; // Only this loop adds.
        served.Ended = Task.Run(() => ServeAsync(call, served), CancellationToken.None);
    }

    private async Task ServeAsync(CallId call, Served served)
    {
        try
        {
            await _serve(new RegisteredCall(call, served.From, served.AskedAsync), served.Over);
        }
        catch (OperationCanceledException)
        {
            // The call is over.
        }
        catch (Exception e)
        {
            LogBroken(_logger, call, e);
        }
        finally
        {
            _calls.TryRemove(call, out _); // It may be dialled again under the same id.
            served.Dispose();
        }
    }

    private bool IsTooMany()
    {
        if (_time.GetElapsedTime(_second) >= Second)
        {
            (_second, _inSecond) = (_time.GetTimestamp(), 0);
        }

        return ++_inSecond > MostPerSecond;
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Registrations at {At}: {Reason}")]
    private static partial void LogTrouble(ILogger logger, IPEndPoint at, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Registrations at {At}: what {From} sent is none")]
    private static partial void LogOdd(ILogger logger, IPEndPoint at, IPAddress from);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Registrations at {At}: call {Call} is one too many")]
    private static partial void LogFull(ILogger logger, IPEndPoint at, CallId call);

    [LoggerMessage(Level = LogLevel.Error, Message = "Serving call {Call} broke")]
    private static partial void LogBroken(ILogger logger, CallId call, Exception exception);

    private sealed class Served(IPAddress from, CancellationToken ct) : IDisposable
    {
        private readonly CancellationTokenSource _over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        private TaskCompletionSource _asked = NewSignal();

        public IPAddress From => from;

        public CancellationToken Over => _over.Token;

        public Task Ended { get; set; } = Task.CompletedTask;

        public Task AskedAsync() => Volatile.Read(ref _asked).Task;

        public void AskedAgain() => Interlocked.Exchange(ref _asked, NewSignal()).TrySetResult();

        public void End()
        {
            try
            {
                _over.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It has ended by itself.
            }
        }

        public void Dispose() => _over.Dispose();

        private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
