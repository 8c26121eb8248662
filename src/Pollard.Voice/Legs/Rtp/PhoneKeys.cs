namespace Pollard.Voice.Legs.Rtp;

/// <summary>
/// Reads the keys of a phone (RFC 4733). A key is many packets with one timestamp, of which some may be lost, and the last comes three times.
/// Not for several threads.
/// </summary>
internal sealed class PhoneKeys
{
    private const int EventBytes = 4;
    private const int EndBit = 0x80;
    private const int MostUnits = ushort.MaxValue; // That a packet can say a key was down for, some eight seconds.
    private const int FewUnits = MostUnits - 4_000;
    private const string Keys = "0123456789*#ABCD";
    private uint _last;
    private byte _key;
    private bool _isDown; // As far as is known.
    private bool _isBegun;

    /// <summary>Gives a key, once; null: it was given already, or is none.</summary>
    public char? Take(in RtpPacket packet)
    {
        if (packet.Payload.Length < EventBytes || packet.Payload[0] >= Keys.Length)
        {
            return null;
        }

        var (key, later) = (packet.Payload[0], (int)(packet.Timestamp - _last));
        if (_isBegun && later < 0)
        {
            return null; // A late one of the key before.
        }

        // One that is held for longer goes on under another timestamp (RFC 4733, 2.5.1.3).
        var isSame =
            _isBegun
            && (later == 0 || (_isDown && key == _key && !packet.IsMarked && later is > FewUnits and <= MostUnits));
        _isDown = (packet.Payload[1] & EndBit) == 0 && (later != 0 || !_isBegun || _isDown);
        (_isBegun, _last, _key) = (true, packet.Timestamp, key);
        return isSame ? null : Keys[key];
    }

    /// <summary>Another stream begins, with timestamps of its own.</summary>
    public void Reset() => _isBegun = false;
}
