using CsCheck;
using Pollard.Agent.Owner;

namespace Pollard.Agent.Tests.Owner;

/// <summary>When a machine works, by the clock on its wall.</summary>
public sealed class ScheduleTests
{
    private const int DayMinutes = 24 * 60;
    private static readonly string[] Days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
    private static readonly TimeZoneInfo LordHowe = TimeZoneInfo.FindSystemTimeZoneById("Australia/Lord_Howe"); // By half an hour.

    private static readonly Gen<Part> Parts = Gen.Select(
        Gen.Int[0, 6],
        Gen.Int[0, 6],
        Gen.Int[0, DayMinutes - 1],
        Gen.Int[0, DayMinutes],
        (first, last, from, to) => new Part(first, last, from, to)
    );

    private static readonly Gen<DateTimeOffset> Moments = Gen.Int[0, 2 * 366 * DayMinutes]
        .Select(minute =>
            new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddMinutes(minute).AddSeconds(minute % 60)
        );

    [Theory]
    [InlineData("mon-fri 18:00-08:00, sat-sun", "2026-11-27T17:59", false)] // Friday
    [InlineData("mon-fri 18:00-08:00, sat-sun", "2026-11-27T18:00", true)]
    [InlineData("mon-fri 18:00-08:00, sat-sun", "2026-11-28T23:59", true)]
    [InlineData("mon-fri 18:00-08:00, sat-sun", "2026-11-30T00:00", false)] // Monday: Sunday ends with its day.
    [InlineData("mon-fri 18:00-08:00, sat-sun", "2026-12-01T07:59", true)]
    [InlineData("mon-fri 18:00-08:00, sat-sun", "2026-12-01T08:00", false)]
    [InlineData("22:00-6:30", "2026-11-29T06:29", true)]
    [InlineData("22:00-6:30", "2026-11-29T06:30", false)]
    [InlineData("fri-mon", "2026-11-30T12:00", true)]
    [InlineData("fri-mon", "2026-12-01T00:00", false)]
    [InlineData("SUN 20:00-24:00", "2026-11-29T23:59", true)]
    [InlineData("sun 08:00-08:00", "2026-11-30T07:59", true)]
    public void It_is_read_as_people_mean_it(string text, string wall, bool expected)
    {
        Assert.True(Schedule.TryParse(text, out var schedule, out _));
        var local = DateTime.Parse(wall, System.Globalization.CultureInfo.InvariantCulture);

        Assert.Equal(expected, schedule!.IsOpen(new DateTimeOffset(local, Berlin.GetUtcOffset(local)), Berlin));
    }

    [Theory]
    [InlineData("")]
    [InlineData(",")]
    [InlineData("mon,,tue")]
    [InlineData("always")]
    [InlineData("mon-tue-wed")]
    [InlineData("8-18")]
    [InlineData("24:00-08:00")]
    [InlineData("08:60-09:00")]
    [InlineData("08:00-25:00")]
    [InlineData("18:00")]
    [InlineData("mon 08:00 18:00")]
    [InlineData("08:00-18:00 mon")]
    [InlineData("mon -1:00-08:00")]
    public void What_is_no_schedule_is_named(string text)
    {
        Assert.False(Schedule.TryParse(text, out var schedule, out var wrong));

        Assert.Null(schedule);
        Assert.NotNull(wrong);
    }

    [Fact]
    public void Any_schedule_says_what_each_of_its_parts_says_of_the_clock_on_the_wall() =>
        Gen.Select(Parts.Array[1, 4], Moments)
            .Sample(
                (parts, moment) =>
                {
                    foreach (var zone in (TimeZoneInfo[])[TimeZoneInfo.Utc, Berlin, LordHowe])
                    {
                        var wall = TimeZoneInfo.ConvertTime(moment, zone).DateTime;
                        Assert.Equal(Array.Exists(parts, part => part.Covers(wall)), Parse(parts).IsOpen(moment, zone));
                    }
                }
            );

    [Fact]
    public void Until_its_next_change_nothing_changes_also_where_the_clock_is_put_forward_or_back() =>
        Gen.Select(Parts.Array[1, 3], Moments)
            .Sample(
                (parts, moment) =>
                {
                    var schedule = Parse(parts);
                    foreach (var zone in (TimeZoneInfo[])[Berlin, LordHowe])
                    {
                        var now = schedule.IsOpen(moment, zone);
                        if (schedule.NextChange(moment, zone) is not { } next)
                        {
                            Assert.True(now); // Only a schedule that is always open never changes.
                            continue;
                        }

                        Assert.True(next > moment);
                        Assert.NotEqual(now, schedule.IsOpen(next, zone));
                        for (var at = moment; at < next; at = at.AddMinutes(1))
                        {
                            Assert.Equal(now, schedule.IsOpen(at, zone));
                        }
                    }
                },
                iter: 200
            );

    [Fact]
    public void No_text_breaks_its_reader() =>
        Gen.OneOf(Gen.String, Gen.String[Gen.Char["mon-su tfri0123:,"], 0, 30])
            .Sample(text =>
            {
                var isOne = Schedule.TryParse(text, out var schedule, out var wrong);
                Assert.Equal((isOne, isOne), (schedule is not null, wrong is null));
            });

    private static Schedule Parse(Part[] parts)
    {
        Assert.True(Schedule.TryParse(string.Join(", ", parts.Select(part => part.Text)), out var schedule, out _));
        return schedule!;
    }

    private sealed record Part(int First, int Last, int From, int To)
    {
        public string Text =>
            FormattableString.Invariant(
                $"{Days[First]}-{Days[Last]} {From / 60}:{From % 60:00}-{To / 60}:{To % 60:00}"
            );

        public bool Covers(DateTime wall)
        {
            var minute = (wall.Hour * 60) + wall.Minute;
            return To > From
                ? Has(wall) && minute >= From && minute < To
                : (Has(wall) && minute >= From) || (Has(wall.AddDays(-1)) && minute < To);
        }

        private bool Has(DateTime wall)
        {
            var day = ((int)wall.DayOfWeek + 6) % 7;
            return First <= Last ? day >= First && day <= Last : day >= First || day <= Last;
        }
    }
}
