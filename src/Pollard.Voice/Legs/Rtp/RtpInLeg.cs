using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;

namespace Pollard.Voice.Legs.Rtp;

/// <summary>
/// A caller whose sound comes by RTP to a port of ours without anybody having called: the first who sends is the caller. Nothing is sent
/// there; what they hear is another leg's.
/// </summary>
internal sealed class RtpInLeg : ICallLeg
{
    private static readonly RtpTerms Terms = new(
        Remote: null,
        G711Law.Mu,
        RtpTerms.UsualEventType,
        WeSend: false,
        TheySend: true
    );

    private readonly RtpSession _sound;

    /// <param name="call">The call.</param>
    /// <param name="at">Where it hears; port 0 is any that is free.</param>
    /// <param name="allows">Who may send.</param>
    /// <param name="clock">The clock of all calls.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="IOException">The port is taken, or may not be used.</exception>
    public RtpInLeg(CallId call, IPEndPoint at, Func<IPAddress, bool> allows, FrameClock clock, ILogger logger)
    {
        Call = call;
        _sound = new RtpSession(
            LegPort.Open(at, SocketType.Dgram, ProtocolType.Udp),
            new RtpSettings { IsAwaited = true },
            allows,
            clock,
            logger
        );
        _sound.Agree(Terms);
    }

    /// <summary>Where it hears.</summary>
    public IPEndPoint At => _sound.At;

    /// <inheritdoc/>
    public CallId Call { get; }

    /// <inheritdoc/>
    public string Caller => $"RTP at {At}";

    /// <inheritdoc/>
    public int Rate => G711.Rate;

    /// <inheritdoc/>
    public Playout Playout { get; } = new(new PlayoutOptions());

    /// <inheritdoc/>
    public async Task<string> RunAsync(ICallerEar ear, CancellationToken ct)
    {
        try
        {
            return await _sound.RunAsync(Playout, ear, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return "this side has ended it";
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _sound.Dispose();
        return ValueTask.CompletedTask;
    }
}
