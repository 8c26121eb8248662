using System.Globalization;

namespace Pollard.Agent.Owner;

/// <summary>
/// The hours in which a machine works, on the clock of its wall: <c>mon-fri 18:00-08:00, sat-sun</c>. Parts are parted by commas,
/// each with days (none: every day), hours (none: all day), or both. Hours that end before they begin end on the next day.
/// </summary>
public sealed class Schedule
{
    private const int DayMinutes = 24 * 60;
    private const int WeekMinutes = 7 * DayMinutes;
    private const int MostParts = 32;
    private static readonly string[] Days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    // A bit of time is open or not by the minute of the week that the wall's clock shows: whatever a zone does with its clock, it
    // always shows one.
    private readonly bool[] _isOpen = new bool[WeekMinutes];

    private Schedule(string text) => Text = text;

    /// <summary>As its owner wrote it.</summary>
    public string Text { get; }

    /// <summary>Reads a schedule.</summary>
    /// <param name="text">Such as <c>mon-fri 18:00-08:00, sat-sun</c>.</param>
    /// <param name="schedule">The schedule; null when it is none.</param>
    /// <param name="wrong">What cannot be read; null when it is one.</param>
    public static bool TryParse(string text, out Schedule? schedule, out string? wrong)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        var read = new Schedule(text.Trim());
        wrong = parts.Length > MostParts ? text : parts.FirstOrDefault(part => !read.TryAdd(part));
        schedule = wrong is null ? read : null;
        return schedule is not null;
    }

    /// <summary>True when the machine works at this moment.</summary>
    public bool IsOpen(DateTimeOffset moment, TimeZoneInfo zone) => _isOpen[MinuteOfWeek(moment, zone)];

    /// <summary>When it will next be the other way round; null: never within eight days.</summary>
    public DateTimeOffset? NextChange(DateTimeOffset moment, TimeZoneInfo zone)
    {
        // By the minute and not by sums: where the clock is put forward or back, only looking at it says what it shows.
        var now = IsOpen(moment, zone);
        var next = Floor(moment);
        for (var minute = 0; minute < WeekMinutes + DayMinutes; minute++)
        {
            next = next.AddMinutes(1);
            if (IsOpen(next, zone) != now)
            {
                return next;
            }
        }

        return null;
    }

    private static DateTimeOffset Floor(DateTimeOffset moment) =>
        new(moment.UtcTicks - (moment.UtcTicks % TimeSpan.TicksPerMinute), TimeSpan.Zero);

    private static int MinuteOfWeek(DateTimeOffset moment, TimeZoneInfo zone)
    {
        var wall = TimeZoneInfo.ConvertTime(moment, zone);
        var day = ((int)wall.DayOfWeek + 6) % 7; // Theirs begins with Sunday.
        return (day * DayMinutes) + (wall.Hour * 60) + wall.Minute;
    }

    private bool TryAdd(string part)
    {
        var words = part.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words switch
        {
            [var days, var hours] => TryReadDays(days, out var open)
                && TryReadHours(hours, out var from, out var to)
                && Open(open, from, to),
            [var single] when char.IsAsciiLetter(single[0]) => TryReadDays(single, out var open)
                && Open(open, 0, DayMinutes),
            [var single] => TryReadHours(single, out var from, out var to) && Open([0, 1, 2, 3, 4, 5, 6], from, to),
            _ => false,
        };
    }

    private bool Open(IEnumerable<int> days, int from, int to)
    {
        foreach (var day in days)
        {
            for (var minute = from; minute < to; minute++)
            {
                _isOpen[((day * DayMinutes) + minute) % WeekMinutes] = true;
            }
        }

        return true;
    }

    /// <summary>One day or from one to another, also over the end of the week.</summary>
    private static bool TryReadDays(string text, out List<int> days)
    {
        days = [];
        var ends = text.ToLowerInvariant().Split('-');
        var (first, last) = (Array.IndexOf(Days, ends[0]), Array.IndexOf(Days, ends[^1]));
        if (ends.Length > 2 || first < 0 || last < 0)
        {
            return false;
        }

        for (var day = first; ; day = (day + 1) % 7)
        {
            days.Add(day);
            if (day == last)
            {
                return true;
            }
        }
    }

    /// <summary>From one time to another; one that is not after the first is the next day's.</summary>
    private static bool TryReadHours(string text, out int from, out int to)
    {
        (from, to) = (0, 0);
        if (
            text.Split('-') is not [var begin, var end]
            || !TryReadTime(begin, out from)
            || !TryReadTime(end, out to)
            || from == DayMinutes
        )
        {
            return false;
        }

        to += to <= from ? DayMinutes : 0;
        return true;
    }

    private static bool TryReadTime(string text, out int minute)
    {
        minute = 0;
        if (
            text.Split(':') is not [{ Length: 1 or 2 } hour, { Length: 2 } rest]
            || !int.TryParse(hour, NumberStyles.None, CultureInfo.InvariantCulture, out var hours)
            || !int.TryParse(rest, NumberStyles.None, CultureInfo.InvariantCulture, out var minutes)
            || minutes > 59
        )
        {
            return false;
        }

        minute = (hours * 60) + minutes;
        return minute <= DayMinutes;
    }
}
