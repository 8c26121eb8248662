using Microsoft.Extensions.Time.Testing;
using OpenTelemetry.Trace;
using Pollard.Gateway.Observability;

namespace Pollard.Gateway.Tests;

/// <summary>How many of the traces that begin at a gateway are kept.</summary>
public sealed class NewTraceSamplerTests
{
    [Fact]
    public void The_first_of_each_second_are_kept_and_no_others()
    {
        var time = new FakeTimeProvider();
        var sampler = new NewTraceSampler(perSecond: 3, time);

        Assert.Equal(3, Kept(10));
        time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(0, Kept(10));
        time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(2, Kept(2));
        Assert.Equal(1, Kept(10));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(3, Kept(10));

        int Kept(int asked) =>
            Enumerable
                .Range(0, asked)
                .Count(_ => sampler.ShouldSample(default).Decision == SamplingDecision.RecordAndSample);
    }
}
