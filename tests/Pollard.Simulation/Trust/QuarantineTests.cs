using System.Globalization;

namespace Pollard.Simulation.Trust;

/// <summary>
/// Twenty volunteers' hosts of which three are bad, each in its way, under the audits as they are by default: how much a bad one
/// does until it is found, and whether an honest one is taken for bad.
/// </summary>
public sealed class QuarantineTests(ITestOutputHelper output)
{
    private const int Seeds = 20;
    private const int HonestHosts = 17;
    private const string HonestName = "honest";
    private static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Patience = TimeSpan.FromHours(12);

    [Fact]
    public void Bad_hosts_are_quarantined_and_honest_ones_are_not()
    {
        var fates = Enumerable.Range(1, Seeds).SelectMany(Run).ToLookup(static fate => fate.Name);

        foreach (var bad in fates.Where(static fates => fates.Key != HonestName))
        {
            output.WriteLine(Figures(bad.Key, [.. bad]));
        }

        var honest = fates[HonestName].ToList();
        var falsely = honest.Count(static fate => fate.IsQuarantined);
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"honest: {falsely} of {honest.Count} quarantined, in {honest.Sum(static fate => fate.Audits)} audits and {honest.Sum(static fate => fate.Jobs)} jobs"
            )
        );
        Assert.InRange(falsely, 0, 1);
        AssertFound(fates["broken"], middle: 50, most: 200);
        AssertFound(fates["smaller model"], middle: 300, most: 1_000);
        AssertFound(fates["wrong in 30 %"], middle: 400, most: 1_500);
        AssertFound(fates["wrong in 15 %"], middle: 1_500, most: 2_500);
    }

    private static void AssertFound(IEnumerable<HostFate> fates, int middle, int most)
    {
        var all = fates.ToList();
        Assert.All(all, static fate => Assert.True(fate.IsQuarantined, $"{fate}"));
        Assert.InRange(Middle(all, static fate => fate.Jobs), 1, middle);
        Assert.InRange(all.Max(static fate => fate.Jobs), 1, most);
    }

    private static string Figures(string name, List<HostFate> fates) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{name}, {fates.Count} times: quarantined after {Middle(fates, static fate => fate.Jobs):0} jobs (most {fates.Max(static fate => fate.Jobs)}), {Middle(fates, static fate => fate.Audits):0} audits (most {fates.Max(static fate => fate.Audits)}), {Middle(fates, static fate => fate.Minutes):0} minutes (most {fates.Max(static fate => fate.Minutes):0})"
        );

    private static double Middle(List<HostFate> fates, Func<HostFate, double> of) =>
        fates.Select(of).Order().ElementAt(fates.Count / 2);

    private static IReadOnlyList<HostFate> Run(int seed)
    {
        var share = seed % 2 == 0 ? 0.15 : 0.3;
        var pool = new AuditedPool(seed);
        pool.Add("broken", Conduct.Broken);
        pool.Add("smaller model", Conduct.Smaller);
        pool.Add($"wrong in {(share * 100).ToString(CultureInfo.InvariantCulture)} %", Conduct.Sometimes(share));
        for (var i = 0; i < HonestHosts; i++)
        {
            pool.Add(HonestName, Conduct.Honest);
        }

        for (var time = LookEvery; time <= Patience; time += LookEvery)
        {
            pool.Run(time);
            if (pool.Fates().All(static fate => fate.IsQuarantined || fate.Name == HonestName))
            {
                break;
            }
        }

        return pool.Fates();
    }
}
