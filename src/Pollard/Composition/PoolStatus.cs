using System.Globalization;
using Pollard.Output;
using Pollard.Tasks;

namespace Pollard.Composition;

/// <summary>How a gateway in this process does, in the line at the bottom of its terminal.</summary>
internal static class PoolStatus
{
    // Answers end in bursts: a mean over so many looks is steady enough to be read.
    private const int LooksOfMean = 10;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>Shows it until the gateway is to stop; looks once a second, and writes only when something has changed.</summary>
    public static async Task ShowAsync(
        StatusLine line,
        TaskEngine engine,
        string url,
        TimeProvider time,
        CancellationToken ct
    )
    {
        if (!line.IsShown)
        {
            return;
        }

        using var timer = new PeriodicTimer(Every, time);
        Queue<long> before = new();
        try
        {
            do
            {
                var written = Written(engine);
                before.Enqueue(written);
                // An answer that is void makes it less: nothing was written then.
                line.Show(Describe(engine, Math.Max(0, written - before.Peek()) / before.Count, url));
                if (before.Count == LooksOfMean)
                {
                    before.Dequeue();
                }
            } while (await timer.WaitForNextTickAsync(ct));
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // That is how it ends.
        }
    }

    private static long Written(TaskEngine engine)
    {
        var counts = engine.Activity.Count();
        return counts.OutputTokens + counts.TokensUnderWay;
    }

    private static string Describe(TaskEngine engine, long tokensPerSecond, string url)
    {
        var figures = engine.Statistics;
        var hosts = engine.Hosts.List().Count;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{figures.Running} running, {figures.Pending} waiting, {hosts} {(hosts == 1 ? "host" : "hosts")}, {tokensPerSecond} tokens/s  {url}/"
        );
    }
}
