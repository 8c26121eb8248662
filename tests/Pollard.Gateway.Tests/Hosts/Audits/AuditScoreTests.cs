using Pollard.Gateway.Hosts.Audits;

namespace Pollard.Gateway.Tests.Hosts.Audits;

/// <summary>The sequential test, on seeded hosts with known shares of faults.</summary>
public sealed class AuditScoreTests
{
    private const int Hosts = 1_000;

    [Fact]
    public void A_host_with_one_fault_in_a_hundred_is_almost_never_quarantined()
    {
        var found = Enumerable
            .Range(0, Hosts)
            .Count(seed => AuditsUntilOver(seed, faults: 0.01, most: 10_000) is not null);

        Assert.InRange(found, 0, Hosts * 2 / 100);
    }

    [Fact]
    public void A_host_that_is_wrong_three_times_in_ten_is_found_within_some_thirty_audits()
    {
        var audits = Enumerable
            .Range(0, Hosts)
            .Select(static seed => AuditsUntilOver(seed, faults: 0.3, most: 10_000) ?? int.MaxValue)
            .Order()
            .ToList();

        Assert.InRange(audits[Hosts / 2], 4, 30);
        Assert.InRange(audits[Hosts * 95 / 100], 4, 60);
    }

    [Fact]
    public void A_host_that_turns_bad_late_is_found_as_soon_as_one_that_was_bad_ever()
    {
        foreach (var passed in (int[])[0, 1, 10_000])
        {
            var score = default(AuditScore);
            for (var i = 0; i < passed; i++)
            {
                score = score.WithContent(passed: true).WithShape(passed: true);
            }

            var failed = 0;
            while (!score.IsOver)
            {
                score = score.WithContent(passed: false);
                failed++;
            }

            Assert.Equal(4, failed);
        }
    }

    [Fact]
    public void Shapes_alone_quarantine_nobody_but_make_fewer_failed_audits_enough()
    {
        var score = default(AuditScore);
        for (var i = 0; i < 10_000; i++)
        {
            score = score.WithShape(passed: false);
        }

        Assert.False(score.IsOver);
        Assert.False(score.WithContent(passed: false).IsOver);
        Assert.True(score.WithContent(passed: false).WithContent(passed: false).IsOver);
    }

    private static int? AuditsUntilOver(int seed, double faults, int most)
    {
        var random = new Random(seed);
        var score = default(AuditScore);
        for (var audits = 1; audits <= most; audits++)
        {
            score = score.WithContent(passed: random.NextDouble() >= faults);
            if (score.IsOver)
            {
                return audits;
            }
        }

        return null;
    }
}
