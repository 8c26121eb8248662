using System.Text;
using CsCheck;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks.Tests;

public class SmallPartsTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(1, 16).Select(static i => (byte)i)];

    [Fact]
    public void An_id_is_read_back_in_every_form()
    {
        using var codec = new TaskIdCodec(Key);
        Gen.Long[1, long.MaxValue]
            .Sample(value =>
            {
                var id = new TaskId(value);
                foreach (
                    var form in new[]
                    {
                        codec.Format(id),
                        codec.Format(id, "chatcmpl-"),
                        codec.FormatGuid(id).ToString(),
                    }
                )
                {
                    Assert.True(codec.TryParse(form, out var read));
                    Assert.Equal(id, read);
                }
            });
    }

    [Fact]
    public void Nothing_that_we_did_not_make_is_an_id()
    {
        using var codec = new TaskIdCodec(Key);
        using var other = new TaskIdCodec([.. Key.Reverse()]);

        Gen.String.Sample(text => Assert.False(codec.TryParse(text, out _)));
        Assert.False(codec.TryParse(other.Format(new TaskId(5)), out _));
        Assert.False(codec.TryParse("task_" + new string('a', 26), out _));
        Assert.False(codec.TryParse(Guid.Empty.ToString(), out _));
    }

    [Fact]
    public void An_attempts_name_is_good_for_its_host_alone()
    {
        var tokens = new AttemptTokens(Key);
        var token = tokens.Make(new TaskId(5), 77, "host-a");

        Assert.True(tokens.TryRead(token, "host-a", out var task, out var fence));
        Assert.Equal((new TaskId(5), 77), (task, fence));
        Assert.False(tokens.TryRead(token, "host-b", out _, out _));
        Assert.False(tokens.TryRead(token[..^1] + (token[^1] == 'A' ? 'B' : 'A'), "host-a", out _, out _));
        Gen.String.Sample(text => Assert.False(tokens.TryRead(text, "host-a", out _, out _)));
    }

    [Fact]
    public void Events_are_unpacked_as_they_were_packed_and_damage_is_told()
    {
        var events = Gen.Select(Gen.Enum<TaskEventType>(), Gen.Enum<DeltaKind>(), Gen.UShort, Gen.String).Array[1, 20];
        Gen.Select(events, Gen.Int[0, 1000], Gen.Int[0, 25])
            .Sample(
                (parts, first, from) =>
                {
                    var packed = parts
                        .Select(
                            (part, i) =>
                                new TaskEvent(
                                    first + i,
                                    5 + i,
                                    part.Item1,
                                    part.Item2,
                                    part.Item3,
                                    Encoding.UTF8.GetBytes(part.Item4)
                                )
                        )
                        .ToArray();
                    var segment = EventSegment.Pack(packed);
                    var read = new List<TaskEvent>();
                    segment.Unpack(read, first + from);

                    Assert.Equal(
                        string.Join("\n", packed.Skip(from).Select(Plain)),
                        string.Join("\n", read.Select(Plain))
                    );
                    var cut = segment with { Body = segment.Body[..^1] };
                    Assert.Throws<InvalidDataException>(() => cut.Unpack([]));
                }
            );

        static string Plain(TaskEvent item) =>
            $"{item.Seq} {item.UnixMilliseconds} {item.Type} {item.Kind} {item.Choice} {Convert.ToHexString(item.Data.Span)}";
    }

    [Fact]
    public void Limits_follow_what_was_measured_within_their_bounds()
    {
        var bounds = (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(60));
        var pace = new Pace();
        Assert.Equal(bounds.Item2, pace.StallLimit(bounds));

        for (var i = 0; i < 40; i++)
        {
            pace.TokenEvery(TimeSpan.FromSeconds(1));
            pace.FirstTokenAfter(TimeSpan.FromMilliseconds(100), requestBytes: 200);
        }

        Assert.Equal(TimeSpan.FromSeconds(20), pace.StallLimit(bounds));
        Assert.Equal(bounds.Item1, pace.FirstTokenLimit(200, bounds));
        Assert.Equal(TimeSpan.FromSeconds(10.3), pace.FirstTokenLimit(20_000, bounds));
        Assert.Equal(bounds.Item2, pace.FirstTokenLimit(20_000_000, bounds));
    }
}
