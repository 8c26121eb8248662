using Pollard.Configuration;

namespace Pollard.Tests.Configuration;

public sealed class DurationsTests
{
    [Theory]
    [InlineData("90", 90)]
    [InlineData("500ms", 0.5)]
    [InlineData("1.5s", 1.5)]
    [InlineData("15m", 900)]
    [InlineData(" 2h ", 7200)]
    [InlineData("7d", 604800)]
    [InlineData("0", 0)]
    public void A_duration_is_a_number_and_perhaps_a_unit(string text, double seconds)
    {
        Assert.True(Durations.TryParse(text, out var duration));
        Assert.Equal(seconds, duration.TotalSeconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("h")]
    [InlineData("-5")]
    [InlineData("1e9d")]
    [InlineData("99999999999999999999d")]
    [InlineData("5 minutes")]
    [InlineData("NaN")]
    public void Anything_else_is_not(string text)
    {
        Assert.False(Durations.TryParse(text, out _));
    }

    [Theory]
    [InlineData(0.35, "350ms")]
    [InlineData(4.21, "4.2s")]
    [InlineData(190, "3m10s")]
    [InlineData(18120, "5h02m")]
    [InlineData(273600, "3d04h")]
    [InlineData(-3, "0ms")]
    public void A_duration_is_shown_with_what_matters(double seconds, string text)
    {
        Assert.Equal(text, Durations.Format(TimeSpan.FromSeconds(seconds)));
    }
}
