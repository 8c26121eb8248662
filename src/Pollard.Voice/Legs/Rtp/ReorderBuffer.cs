using Pollard.Voice.Audio;

namespace Pollard.Voice.Legs.Rtp;

/// <summary>The next sound of a stream.</summary>
/// <param name="law">How it is packed.</param>
/// <param name="codes">Its bytes.</param>
/// <param name="gapSamples">What is missing before it.</param>
/// <param name="isLost">Whether that was lost; otherwise the sender was silent.</param>
internal readonly ref struct RtpSound(G711Law law, ReadOnlySpan<byte> codes, int gapSamples, bool isLost)
{
    public G711Law Law { get; } = law;

    public ReadOnlySpan<byte> Codes { get; } = codes;

    public int GapSamples { get; } = gapSamples;

    public bool IsLost { get; } = isLost;
}

/// <summary>
/// Puts packets in order. What is in order is given at once, since nobody listens who would mind that it comes unevenly; one that is missing
/// is waited for until <see cref="Depth"/> later ones are there, 60 ms with the usual packets. Not for several threads.
/// </summary>
internal sealed class ReorderBuffer
{
    /// <summary>Later packets that may wait for a missing one.</summary>
    public const int Depth = 3;

    /// <summary>Bytes of sound that a packet may have, 200 ms.</summary>
    public const int MostBytes = 1_600;

    private const int Slots = 128; // A power of two, so that places do not jump where sequences begin anew.
    private const int MostGapSamples = G711.Rate; // Longer ones are no gaps: the sender's clock was set.
    private readonly Packet?[] _held = new Packet?[Slots];
    private ushort _next;
    private uint _nextTimestamp;
    private int _count;
    private ushort? _jump; // Where the sender may have begun to count anew.
    private bool _isBegun;
    private bool _hasSound;
    private bool _isLost;

    /// <summary>Packets that came too late, or twice.</summary>
    public long Late { get; private set; }

    /// <summary>Packets that never came, or too late.</summary>
    public long Lost { get; private set; }

    /// <summary>Takes a packet.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="law">How its sound is packed; null: it is none, and only counts.</param>
    public void Add(in RtpPacket packet, G711Law? law)
    {
        var ahead = _isBegun ? (short)(packet.Sequence - _next) : 0;
        if (ahead is < -Slots or >= Slots)
        {
            if (_jump != packet.Sequence)
            {
                _jump = (ushort)(packet.Sequence + 1); // A stray; two in a row are a new beginning.
                return;
            }

            Reset();
            ahead = 0;
        }

        _jump = null;
        if (!_isBegun)
        {
            (_isBegun, _next) = (true, packet.Sequence);
        }

        ref var slot = ref _held[packet.Sequence % Slots];
        if (ahead < 0 || slot is not null)
        {
            Late++;
            return;
        }

        var length = law is null ? 0 : Math.Min(packet.Payload.Length, MostBytes);
        slot = new Packet(packet.Timestamp, law, packet.Payload[..length].ToArray());
        _count++;
    }

    /// <summary>Gives the next sound; false: there is none now.</summary>
    public bool TryTake(out RtpSound sound)
    {
        while (_count > 0)
        {
            if (_held[_next % Slots] is not { } packet)
            {
                if (_count < Depth)
                {
                    break;
                }

                Lost++;
                _isLost = true;
                _next++;
                continue;
            }

            _held[_next % Slots] = null;
            _count--;
            _next++;
            if (packet.Law is { } law)
            {
                sound = new RtpSound(law, packet.Codes, GapBefore(packet), _isLost);
                (_hasSound, _isLost) = (true, false);
                _nextTimestamp = packet.Timestamp + (uint)packet.Codes.Length;
                return true;
            }
        }

        sound = default;
        return false;
    }

    /// <summary>Another stream begins.</summary>
    public void Reset()
    {
        Array.Clear(_held);
        (_count, _isBegun, _hasSound, _isLost, _jump) = (0, false, false, false, null);
    }

    private int GapBefore(Packet packet)
    {
        var gap = (int)(packet.Timestamp - _nextTimestamp);
        return _hasSound && gap is > 0 and <= MostGapSamples ? gap : 0;
    }

    private sealed record Packet(uint Timestamp, G711Law? Law, byte[] Codes);
}
