using System.Diagnostics;
using System.Globalization;
using Pollard.Bench.Load;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Hosts;

/// <summary>Thousands of idle hosts (<c>--hosts N</c>, else 10,000), each on a connection of its own: what they cost, and how soon they are back after a restart.</summary>
internal static class HostsSuite
{
    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var hosts = arguments.Number("hosts", 10_000);
        var results = new List<BenchResult>();
        using var data = new BenchFolder(arguments.Text("dir"));
        var ports = (Ports.Free(), Ports.Free());
        ChildProcess? pool = null;
        try
        {
            await using (var gateway = await RunningGateway.StartAsync(data, ports: ports))
            {
                var empty = gateway.Process.ResidentMb;
                var began = Stopwatch.GetTimestamp();
                pool = await Way.StartRoleAsync("hosts", ("gateway", gateway.Url), ("count", hosts), ("slots", 1));
                await gateway.UntilHostsAsync(hosts);
                var joined = Stopwatch.GetElapsedTime(began);
                await Task.Delay(arguments.Duration); // What joining took is not what being there takes.
                var (cpu, idle) = (gateway.Process.Cpu, Stopwatch.GetTimestamp());
                await Task.Delay(arguments.Duration * 4);
                var share = (gateway.Process.Cpu - cpu) / Stopwatch.GetElapsedTime(idle);
                results.Add(
                    Line(
                        $"{hosts:N0} idle hosts",
                        $"{share:P1} of a core, {gateway.Process.ResidentMb:N0} MB ({empty:N0} MB without), enrolled and joined in {joined.TotalSeconds:N1} s"
                    )
                );
            }

            var restarted = Stopwatch.GetTimestamp();
            await using (var again = await RunningGateway.StartAsync(data, ports: ports))
            {
                await again.UntilHostsAsync(hosts);
                results.Add(
                    Line(
                        $"{hosts:N0} hosts back after a restart",
                        $"{Stopwatch.GetElapsedTime(restarted).TotalSeconds:N1} s, {again.Process.Cpu.TotalSeconds:N1} s of CPU, {again.Process.ResidentMb:N0} MB"
                    )
                );
            }
        }
        finally
        {
            if (pool is not null)
            {
                await pool.DisposeAsync();
            }
        }

        return results;
    }

    private static BenchResult Line(FormattableString name, FormattableString note) =>
        new(
            name.ToString(CultureInfo.InvariantCulture),
            "hosts",
            0,
            0,
            0,
            0,
            0,
            0,
            note.ToString(CultureInfo.InvariantCulture)
        );
}
