using System.Net;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Legs.Rtp;

/// <summary>Makes sound and keys of a phone's packets. Not for several threads.</summary>
/// <param name="peer">Whose packets are heard.</param>
/// <param name="hearing">Is told.</param>
internal sealed class RtpReceiver(RtpPeer peer, CallerHearing hearing)
{
    private const int FrameSamples = Playout.FrameBytes;
    private const byte ComfortNoise = 13; // How it sounds where nobody speaks: a sign of life, and silence to us.
    private const int QuietFrames = 25; // Half a second: what a phone needs to come back from elsewhere.
    private const int ConcealedFrames = 3; // After that an ear hears that the same frame comes again and again.
    private const float Decay = 0.5f; // A frame.
    private static readonly float[] Silence = new float[FrameSamples];
    private readonly ReorderBuffer _order = new();
    private readonly PhoneKeys _keys = new();
    private readonly float[] _samples = new float[ReorderBuffer.MostBytes];
    private readonly float[] _last = new float[FrameSamples];

    /// <summary>Takes a datagram.</summary>
    /// <param name="datagram">The datagram, whatever it is.</param>
    /// <param name="from">Who sent it.</param>
    /// <param name="eventType">The payload type of keys; null: none.</param>
    public void Take(ReadOnlySpan<byte> datagram, SocketAddress from, byte? eventType)
    {
        // hot: each call, each 20 ms.
        if (!RtpPacket.TryRead(datagram, out var packet))
        {
            LegMetrics.Odd("none");
            return;
        }

        var law = RtpTerms.LawOf(packet.Type);
        var isKey = packet.Type == eventType;
        if (law is null && !isKey && packet.Type != ComfortNoise)
        {
            LegMetrics.Odd("type");
            return;
        }

        if (!peer.Takes(from, packet.Source, hearing.QuietFrames >= QuietFrames, out var isNew))
        {
            LegMetrics.Odd("stranger");
            return;
        }

        if (isNew)
        {
            _order.Reset();
            _keys.Reset();
        }

        hearing.Came();
        if (isKey && _keys.Take(packet) is { } key)
        {
            hearing.Press(key);
        }

        Order(packet, law);
    }

    private void Order(in RtpPacket packet, G711Law? law)
    {
        var (late, lost) = (_order.Late, _order.Lost);
        _order.Add(packet, law);
        while (_order.TryTake(out var sound))
        {
            Hear(sound);
        }

        if (_order.Late != late)
        {
            LegMetrics.Odd("late");
        }

        if (_order.Lost != lost)
        {
            LegMetrics.Odd("lost", _order.Lost - lost);
        }
    }

    private void Hear(in RtpSound sound)
    {
        Fill(sound.GapSamples - hearing.FilledSamples, sound.IsLost);
        var samples = _samples.AsSpan(0, sound.Codes.Length);
        G711.Decode(sound.Law, sound.Codes, samples);
        if (samples.Length >= FrameSamples)
        {
            samples[^FrameSamples..].CopyTo(_last);
        }

        hearing.Hear(samples);
    }

    // What was lost is taken to have been as before, ever less loud; what the sender left out was silence.
    private void Fill(int samples, bool isLost)
    {
        for (var frame = 0; samples > 0; frame++, samples -= FrameSamples)
        {
            var isConcealed = isLost && frame < ConcealedFrames;
            if (isConcealed)
            {
                Soften(_last);
            }

            hearing.Hear((isConcealed ? _last : Silence).AsSpan(0, Math.Min(samples, FrameSamples)));
        }
    }

    private static void Soften(Span<float> samples)
    {
        foreach (ref var sample in samples)
        {
            sample *= Decay;
        }
    }
}
