using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Legs.Rtp;

/// <summary>
/// The sound of one phone call, on a port of its own: one loop hears, and the clock of all calls sends, so that no call has a thread.
/// </summary>
internal sealed partial class RtpSession : IDisposable
{
    private const int MostDatagramBytes = 2_048;
    private const int MostFailures = 100; // In a row: the socket is broken, and not one datagram.
    private static readonly Playout Nothing = new(new PlayoutOptions()); // What is sent on hold, while the other waits.
    private readonly Socket _socket;
    private readonly RtpSettings _settings;
    private readonly FrameClock _clock;
    private readonly ILogger _logger;
    private readonly RtpPeer _peer;
    private readonly RtpSender _sender = new();
    private readonly Lock _gate = new();
    private CallerHearing? _hearing; // While it runs, and the playout with it.
    private Playout _playout = Nothing;
    private IDisposable? _line;
    private volatile RtpTerms? _terms;

    /// <param name="socket">A port, which becomes the session's.</param>
    /// <param name="settings">How long it waits.</param>
    /// <param name="allows">Who may send sound.</param>
    /// <param name="clock">The clock of all calls.</param>
    /// <param name="logger">The log.</param>
    public RtpSession(
        Socket socket,
        RtpSettings settings,
        Func<IPAddress, bool> allows,
        FrameClock clock,
        ILogger logger
    )
    {
        (_socket, _settings, _clock, _logger) = (socket, settings, clock, logger);
        _peer = new RtpPeer(allows);
        At = (IPEndPoint)socket.LocalEndPoint!;
    }

    /// <summary>Where it hears.</summary>
    public IPEndPoint At { get; }

    /// <summary>What is agreed on; null: nothing yet.</summary>
    public RtpTerms? Terms => _terms;

    /// <summary>Takes what was agreed with the phone, at first and whenever it changes.</summary>
    public void Agree(RtpTerms terms)
    {
        lock (_gate)
        {
            if (terms.Remote is { } remote)
            {
                _peer.Signal(remote);
            }

            _terms = terms;
            if (_hearing is not null)
            {
                Listen(terms);
            }
        }
    }

    /// <summary>Sends and hears.</summary>
    /// <param name="playout">What is sent.</param>
    /// <param name="ear">Hears.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>Why it is over: nothing came any more, or can.</returns>
    public async Task<string> RunAsync(Playout playout, ICallerEar ear, CancellationToken ct)
    {
        var hearing = new CallerHearing(ear, _settings.MostSilence, _settings.IsAwaited);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        lock (_gate)
        {
            (_hearing, _playout) = (hearing, playout);
            Listen(_terms ?? throw new InvalidOperationException("Nothing has been agreed with the phone."));
        }

        var receiving = ReceiveAsync(new RtpReceiver(_peer, hearing), over.Token);
        try
        {
            return await await Task.WhenAny(hearing.Gone, receiving);
        }
        finally
        {
            lock (_gate)
            {
                _hearing = null;
                _line?.Dispose();
            }

            await over.CancelAsync();
            await ((Task)receiving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // Thrown above, where it is why.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _line?.Dispose();
        _socket.Dispose();
    }

    private void Listen(RtpTerms terms)
    {
        _hearing!.Allow(terms.TheySend ? _settings.MostSilence : _settings.MostHeld);
        _line?.Dispose();
        _line = _clock.Add(terms.WeSend ? _playout : Nothing, Send);
    }

    private async Task<string> ReceiveAsync(RtpReceiver receiver, CancellationToken ct)
    {
        var datagram = new byte[MostDatagramBytes];
        var from = new SocketAddress(_socket.AddressFamily);
        for (var failures = 0; ; )
        {
            try
            {
                var bytes = await _socket.ReceiveFromAsync(datagram, SocketFlags.None, from, ct);
                receiver.Take(datagram.AsSpan(0, bytes), from, _terms?.EventType);
                failures = 0;
            }
            catch (SocketException e)
            {
                LogTrouble(_logger, At, e.Message); // One that was too long, or word that the phone does not hear.
                if (++failures == MostFailures)
                {
                    return $"the port of its sound fails: {e.Message}";
                }
            }
        }
    }

    private void Send(long number, ReadOnlySpan<byte> frame, bool isSound)
    {
        _hearing?.Tick();
        if (_terms is not { WeSend: true } terms || _peer.Target is not { } target)
        {
            return;
        }

        try
        {
            _socket.SendTo(_sender.Pack(terms.Law, number, frame, isSound), SocketFlags.None, target);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            LegMetrics.Unsent("rtp"); // As good as lost on the way; a call that is over has had its last frame.
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Sound at {At}: {Reason}")]
    private static partial void LogTrouble(ILogger logger, IPEndPoint at, string reason);
}
