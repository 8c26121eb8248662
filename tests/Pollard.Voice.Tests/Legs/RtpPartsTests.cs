using System.Net;
using CsCheck;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Legs.Rtp;

namespace Pollard.Voice.Tests.Legs;

/// <summary>Packets as they come: whole and broken, in any order, of the caller and of others.</summary>
public sealed class RtpPartsTests
{
    private static readonly byte[] Plain = [0x80, 0x80, 0x12, 0x34, 0, 0, 1, 0, 0xDE, 0xAD, 0xBE, 0xEF, 1, 2, 3];

    [Fact]
    public void A_packet_is_read_as_it_was_written()
    {
        Assert.True(RtpPacket.TryRead(Plain, out var packet));

        Assert.True(packet.IsMarked);
        Assert.Equal((0, 0x1234, 256u, 0xDEADBEEFu), (packet.Type, packet.Sequence, packet.Timestamp, packet.Source));
        Assert.Equal([1, 2, 3], packet.Payload.ToArray());
        var written = new byte[64];
        Assert.Equal(Plain, written[..packet.Write(written)]);
    }

    [Fact]
    public void What_stands_around_the_sound_is_left_out()
    {
        byte[] head = [0xB2, 0x08, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]; // Padding, an extension, two contributors.
        byte[] rest = [0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 1, 9, 9, 9, 9, 42, 43, 0, 0, 3];

        Assert.True(RtpPacket.TryRead([.. head, .. rest], out var packet));

        Assert.Equal([42, 43], packet.Payload.ToArray());
    }

    [Fact]
    public void What_is_no_packet_is_none()
    {
        Assert.False(RtpPacket.TryRead([0x80, 0xC8, .. Plain[2..]], out _)); // RTCP.
        Assert.False(RtpPacket.TryRead([0x40, .. Plain[1..]], out _)); // Version 1.
        Assert.False(RtpPacket.TryRead([0xA0, .. Plain[1..^1], 200], out _)); // More padding than there is.
        Assert.False(RtpPacket.TryRead([0x90, .. Plain[1..]], out _)); // An extension that is cut off.
        Assert.False(RtpPacket.TryRead(Plain.AsSpan(0, 11), out _));
        Assert.False(RtpPacket.TryRead([], out _));
    }

    [Fact]
    public void Any_bytes_can_be_read_and_put_in_order()
    {
        var random = new Random(20);
        var order = new ReorderBuffer();
        var keys = new PhoneKeys();
        var bytes = new byte[64];
        for (var i = 0; i < 200_000; i++)
        {
            random.NextBytes(bytes);
            if (i % 4 != 0)
            {
                Plain.AsSpan(0, random.Next(Plain.Length)).CopyTo(bytes);
            }

            if (RtpPacket.TryRead(bytes.AsSpan(0, random.Next(bytes.Length)), out var packet))
            {
                keys.Take(packet);
                order.Add(packet, RtpTerms.LawOf(packet.Type));
                for (var given = 0; order.TryTake(out var sound); given++)
                {
                    Assert.True(given < 256);
                    Assert.InRange(sound.GapSamples, 0, G711.Rate);
                }
            }
        }
    }

    [Fact]
    public void Packets_that_change_places_are_given_in_order_and_once()
    {
        var places = Gen.Int[0, ReorderBuffer.Depth - 1].Array[100];
        Gen.Select(Gen.UShort, places)
            .Sample(
                (first, late) =>
                {
                    // Nobody is overtaken by as many as are waited for.
                    var sent = Enumerable.Range(1, 100).OrderBy(i => i + late[i - 1]).ThenBy(i => i).Prepend(0);
                    var order = new ReorderBuffer();
                    List<byte> given = [];
                    foreach (var i in sent.SelectMany(static i => new[] { i, i })) // Each comes twice.
                    {
                        Put(order, (ushort)(first + i), (uint)i, (byte)i, given);
                    }

                    return given.SequenceEqual(Enumerable.Range(0, 101).Select(static i => (byte)i))
                        && order is { Lost: 0, Late: 101 };
                },
                iter: 1_000,
                seed: "0000KOIkZyE3"
            );
    }

    [Fact]
    public void A_lost_packet_is_waited_for_until_three_later_ones_are_there()
    {
        var order = new ReorderBuffer();
        List<byte> given = [];

        foreach (var i in new[] { 0, 2, 3 })
        {
            Put(order, (ushort)i, (uint)i, (byte)i, given);
        }

        Assert.Equal([0], given);
        order.Add(Packet(4, 4, 4), G711Law.Mu);
        Assert.True(order.TryTake(out var sound));
        Assert.Equal((1, true), (sound.GapSamples, sound.IsLost));
        Assert.Equal(1, order.Lost);
        Put(order, 1, 1, 1, given);
        Assert.Equal(1, order.Late);
        Assert.Equal([0, 3, 4], given); // What had waited; 1 is too late.
    }

    [Fact]
    public void A_sender_that_counts_anew_is_followed_and_a_stray_is_not()
    {
        var order = new ReorderBuffer();
        List<byte> given = [];
        Put(order, 10, 10, 1, given);
        Put(order, 30_000, 0, 99, given);
        Put(order, 11, 11, 2, given);
        Put(order, 40_000, 70, 98, given); // The first of a new count is taken for a stray as well.
        Put(order, 40_001, 71, 3, given);
        Put(order, 40_002, 72, 4, given);

        Assert.Equal([1, 2, 3, 4], given);
    }

    [Fact]
    public void Time_without_packets_is_silence_and_not_loss()
    {
        var order = new ReorderBuffer();
        Put(order, 1, 0, 0, []);

        order.Add(Packet(2, 801), G711Law.Mu);

        Assert.True(order.TryTake(out var sound));
        Assert.Equal((800, false), (sound.GapSamples, sound.IsLost));
    }

    [Fact]
    public void A_key_is_given_once_however_many_packets_it_has()
    {
        var keys = new PhoneKeys();
        List<char?> given = [];
        foreach (
            var (key, timestamp) in new[]
            {
                (5, 100u),
                (5, 100u),
                (5, 100u),
                (11, 900u),
                (5, 100u),
                (16, 950u),
                (5, 1_700u),
            }
        )
        {
            given.Add(keys.Take(new RtpPacket { Timestamp = timestamp, Payload = [(byte)key, 0x8A, 3, 0x20] }));
        }

        Assert.Equal(['5', null, null, '#', null, null, '5'], given);
        Assert.Null(keys.Take(new RtpPacket { Timestamp = 2_500, Payload = [5, 0x8A, 3] }));
    }

    [Fact]
    public void A_key_that_is_held_for_longer_than_a_packet_can_say_is_one_key()
    {
        const int Step = 160;
        var keys = new PhoneKeys();
        List<char?> given = [];
        Hold(start: 4_294_900_000, segments: 3, isEnded: true); // 24 s, over the end of the timestamps too.
        Hold(start: 900_000, segments: 1, isEnded: false); // The end of this one is lost,
        Hold(start: 900_000 + 65_440, segments: 1, isEnded: true, isMarked: true); // and this one is another, as its mark says.

        Assert.Equal(['5', '5', '5'], given.Where(static key => key is not null));

        void Hold(uint start, int segments, bool isEnded, bool isMarked = false)
        {
            for (var segment = 0; segment < segments; segment++)
            {
                for (var units = Step; units <= 65_440; units += Step) // The most that steps of 20 ms can be.
                {
                    var isLast = isEnded && segment == segments - 1 && units == 65_440;
                    given.Add(
                        keys.Take(
                            new RtpPacket
                            {
                                IsMarked = isMarked && segment == 0 && units == Step,
                                Timestamp = unchecked(start + (uint)(segment * 65_440)),
                                Payload = [5, (byte)(isLast ? 0x8A : 0x0A), (byte)(units >> 8), (byte)units],
                            }
                        )
                    );
                }
            }
        }
    }

    [Fact]
    public void Comfort_noise_is_a_sign_of_life_and_what_was_not_agreed_on_is_none()
    {
        var ear = new EarLog();
        var hearing = new CallerHearing(ear, TimeSpan.FromSeconds(30));
        var receiver = new RtpReceiver(new RtpPeer(static _ => true), hearing);
        var bytes = new byte[64];
        for (byte type = 0; type < 128; type++)
        {
            hearing.Tick();
            var packet = new RtpPacket
            {
                Type = type,
                Sequence = type,
                Payload = [0], // Loud, in either law.
            };
            receiver.Take(bytes.AsSpan(0, packet.Write(bytes)), At("10.0.0.1:4000"), eventType: 101);
            var isTaken = type is 0 or 8 or 13 or 101;
            Assert.Equal(isTaken, hearing.QuietFrames == 0);
        }

        // Of either law one; the others are no sound, and silence may be put in meanwhile.
        Assert.Equal(2, ear.Samples.Count(static sample => sample != 0));
    }

    [Fact]
    public void The_first_sender_is_believed_then_the_signalled_one_and_no_stranger()
    {
        var peer = new RtpPeer(static address => !address.Equals(IPAddress.Parse("10.9.9.9")));
        var signalled = new IPEndPoint(IPAddress.Parse("10.0.0.1"), 4_000);
        var (nat, stranger) = (At("10.0.0.2:5000"), At("10.0.0.3:6000"));
        peer.Signal(signalled);
        Assert.Equal(signalled.Serialize(), peer.Target);

        Assert.False(peer.Takes(At("10.9.9.9:1"), 7, isQuiet: false, out _)); // May not.
        Assert.True(peer.Takes(nat, 7, isQuiet: false, out _));
        Assert.Equal(nat, peer.Target);
        Assert.False(peer.Takes(stranger, 7, isQuiet: false, out _)); // Knows the stream, but the caller still speaks.
        Assert.False(peer.Takes(stranger, 8, isQuiet: true, out _)); // Another stream.
        Assert.True(peer.Takes(stranger, 7, isQuiet: true, out var isNew)); // The NAT has given it another port.
        Assert.False(isNew);
        Assert.True(peer.Takes(signalled.Serialize(), 9, isQuiet: false, out isNew)); // Where it said from the beginning.
        Assert.True(isNew);
        Assert.Equal(signalled.Serialize(), peer.Target);

        peer.Signal(new IPEndPoint(signalled.Address, 4_002));
        Assert.True(peer.Takes(nat, 9, isQuiet: false, out _));

        peer.Signal(IPEndPoint.Parse("10.9.9.9:4000"));
        Assert.Null(peer.Target); // Nothing goes to who may not call.
    }

    private static System.Net.SocketAddress At(string address) => IPEndPoint.Parse(address).Serialize();

    private static RtpPacket Packet(ushort sequence, uint timestamp, byte code = 0) =>
        new()
        {
            Sequence = sequence,
            Timestamp = timestamp,
            Payload = new[] { code },
        };

    private static void Put(ReorderBuffer order, ushort sequence, uint timestamp, byte code, List<byte> given)
    {
        order.Add(Packet(sequence, timestamp, code), G711Law.Mu);
        while (order.TryTake(out var sound))
        {
            given.Add(sound.Codes[0]);
        }
    }
}
