namespace Pollard.Simulation.Choosing;

/// <summary>What is compared with: the less loaded of two drawn at random, which of hosts with one slot is any that is free, first come first served.</summary>
internal static class BlindPool
{
    /// <summary>How long jobs take on the mean, with their waiting.</summary>
    public static double MeanSeconds(IReadOnlyList<Power> hosts, IReadOnlyList<Job> jobs, Random random)
    {
        var freeAt = new double[hosts.Count];
        var sum = 0.0;
        foreach (var job in jobs)
        {
            var at = Math.Max(job.At, freeAt.Min());
            var free = Enumerable.Range(0, hosts.Count).Where(host => freeAt[host] <= at).ToList();
            var host = free[random.Next(free.Count)];
            freeAt[host] = at + hosts[host].Seconds(job);
            sum += freeAt[host] - job.At;
        }

        return sum / jobs.Count;
    }
}
