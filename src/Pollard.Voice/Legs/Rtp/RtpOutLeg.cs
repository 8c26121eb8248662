using System.Net;
using System.Net.Sockets;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;

namespace Pollard.Voice.Legs.Rtp;

/// <summary>A caller who hears by RTP at an address, whether anybody is there or not; what they say is another leg's.</summary>
internal sealed class RtpOutLeg : ICallLeg
{
    private readonly IPEndPoint _to;
    private readonly SocketAddress _address;
    private readonly FrameClock _clock;
    private readonly Socket _socket;
    private readonly RtpSender _sender = new();

    /// <param name="call">The call.</param>
    /// <param name="to">Where they hear.</param>
    /// <param name="law">How sound is packed.</param>
    /// <param name="clock">The clock of all calls.</param>
    /// <exception cref="IOException">No port is free.</exception>
    public RtpOutLeg(CallId call, IPEndPoint to, G711Law law, FrameClock clock)
    {
        (Call, _to, _address, _clock) = (call, to, to.Serialize(), clock);
        Playout = new Playout(new PlayoutOptions { Law = law });
        var any = to.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any;
        _socket = LegPort.Open(new IPEndPoint(any, 0), SocketType.Dgram, ProtocolType.Udp);
        _socket.Blocking = false; // The clock of all calls sends on it.
    }

    /// <inheritdoc/>
    public CallId Call { get; }

    /// <inheritdoc/>
    public string Caller => $"RTP to {_to}";

    /// <inheritdoc/>
    public int Rate => G711.Rate;

    /// <inheritdoc/>
    public Playout Playout { get; }

    /// <inheritdoc/>
    public async Task<string> RunAsync(ICallerEar ear, CancellationToken ct)
    {
        using var line = _clock.Add(Playout, Send);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return "this side has ended it";
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Send(long number, ReadOnlySpan<byte> frame, bool isSound)
    {
        // hot: each call, each 20 ms.
        try
        {
            _socket.SendTo(_sender.Pack(Playout.Law, number, frame, isSound), SocketFlags.None, _address);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            LegMetrics.Unsent("rtp"); // As good as lost on the way; a call that is over has had its last frame.
        }
    }
}
