using CsCheck;
using Pollard.Agent.Pipeline;

namespace Pollard.Agent.Tests.TaskServers;

public sealed class DeliveryThresholdTests
{
    [Theory]
    [InlineData("80", 80, 60)]
    [InlineData("80%", 80, 60)]
    [InlineData("1", 1, 0)]
    [InlineData("2", 2, 1)]
    [InlineData("100%", 100, 75)]
    public void It_is_a_number_of_results_or_a_percentage(string text, int stopAt, int goOnAt)
    {
        Assert.True(DeliveryThreshold.TryParse(text, out var threshold));

        Assert.Equal((stopAt, goOnAt), (threshold.StopAt, threshold.GoOnAt));
    }

    [Theory]
    [InlineData("")]
    [InlineData("%")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("101")]
    [InlineData("101%")]
    [InlineData("0.8")]
    [InlineData("80 %")]
    [InlineData("99999999999")]
    [InlineData("all")]
    public void Anything_else_is_none(string text) => Assert.False(DeliveryThreshold.TryParse(text, out _));

    [Fact]
    public void It_stops_at_the_threshold_and_goes_on_only_well_below_it() =>
        Gen.Select(Gen.Int[1, 100], Gen.Int[0, 110].Array)
            .Sample(
                (stopAt, depths) =>
                {
                    Assert.True(DeliveryThreshold.TryParse($"{stopAt}", out var threshold));
                    var brake = new DeliveryBrake(threshold);
                    var isOn = false;
                    foreach (var depth in depths)
                    {
                        isOn = depth >= threshold.StopAt || (isOn && depth > threshold.GoOnAt); // The law, said otherwise.
                        Assert.Equal(!isOn, brake.Allows(depth));
                    }

                    return threshold.GoOnAt < threshold.StopAt && threshold.GoOnAt >= 0;
                }
            );
}
