using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Pollard.Bench.Machine;

namespace Pollard.Bench;

/// <summary>One line of a report.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Unit">What the rate counts.</param>
/// <param name="PerSecond">How many a second.</param>
/// <param name="P50">The middle latency in milliseconds.</param>
/// <param name="P99">The latency in milliseconds that one of a hundred exceeds.</param>
/// <param name="Most">The longest latency in milliseconds.</param>
/// <param name="CpuMicroseconds">CPU time for one: of the process that is measured, or of this one.</param>
/// <param name="OtherLoad">The share of the machine's CPU that others used meanwhile.</param>
/// <param name="Note">Anything else.</param>
internal sealed record BenchResult(
    string Name,
    string Unit,
    double PerSecond,
    double P50,
    double P99,
    double Most,
    double CpuMicroseconds,
    double OtherLoad,
    string Note = ""
);

/// <summary>Measures a piece of work.</summary>
/// <param name="of">The process whose CPU time counts; null: this one.</param>
internal sealed class Measurement(ChildProcess? of = null)
{
    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly TimeSpan _cpu = of?.Cpu ?? Environment.CpuUsage.TotalTime;
    private readonly TimeSpan _ours = Environment.CpuUsage.TotalTime + ChildProcess.CpuOfAll;
    private readonly (double Busy, double All) _machine = MachineTime();

    /// <summary>Ends it.</summary>
    /// <param name="name">What was measured.</param>
    /// <param name="unit">What is counted.</param>
    /// <param name="latencies">One entry for each, in stopwatch ticks; is sorted.</param>
    /// <param name="note">Anything else.</param>
    /// <param name="count">How many it was; null: as many as there are latencies.</param>
    public BenchResult End(string name, string unit, List<long> latencies, string note = "", int? count = null)
    {
        var units = count ?? latencies.Count;
        var seconds = Stopwatch.GetElapsedTime(_began).TotalSeconds;
        var cpu = ((of?.Cpu ?? Environment.CpuUsage.TotalTime) - _cpu).TotalSeconds;
        var used = (Environment.CpuUsage.TotalTime + ChildProcess.CpuOfAll - _ours).TotalSeconds;
        var (busy, all) = MachineTime();
        latencies.Sort();
        var ours = used / Environment.ProcessorCount / seconds;
        var load = all > _machine.All ? (busy - _machine.Busy) / (all - _machine.All) : 0;
        return new BenchResult(
            name,
            unit,
            units / seconds,
            Milliseconds(latencies, 0.5),
            Milliseconds(latencies, 0.99),
            Milliseconds(latencies, 1),
            cpu / Math.Max(1, units) * 1e6,
            Math.Max(0, load - ours),
            note
        );
    }

    private static double Milliseconds(List<long> sorted, double share) =>
        sorted.Count == 0
            ? 0
            : sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * share))] * 1_000.0 / Stopwatch.Frequency;

    private static (double Busy, double All) MachineTime()
    {
        if (!File.Exists("/proc/stat"))
        {
            return (0, 0);
        }

        var ticks = File.ReadLines("/proc/stat")
            .First()
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Skip(1)
            .Take(8)
            .Select(text => double.Parse(text, CultureInfo.InvariantCulture))
            .ToArray();
        return (ticks.Sum() - ticks[3] - ticks[4], ticks.Sum()); // The fourth and fifth are idle.
    }
}

/// <summary>Shows results to people and to programs.</summary>
internal static class BenchReport
{
    /// <summary>As a table.</summary>
    public static void Print(TextWriter to, IReadOnlyList<BenchResult> results)
    {
        to.WriteLine($"{"", -46} {"per s", 10} {"p50 ms", 9} {"p99 ms", 9} {"max ms", 9} {"CPU us", 8} {"others", 7}");
        foreach (var result in results)
        {
            to.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{result.Name, -46} {result.PerSecond, 10:N0} {result.P50, 9:N3} {result.P99, 9:N3} {result.Most, 9:N3} {result.CpuMicroseconds, 8:N1} {result.OtherLoad, 7:P0} {result.Note}"
                )
            );
        }
    }

    /// <summary>As JSON, with the machine.</summary>
    public static string Json(IReadOnlyList<BenchResult> results) =>
        JsonSerializer.Serialize(
            new
            {
                at = TimeProvider.System.GetUtcNow(),
                machine = new
                {
                    processors = Environment.ProcessorCount,
                    processor = Processor(),
                    memory_mb = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20,
                    system = System.Runtime.InteropServices.RuntimeInformation.OSDescription,
                    runtime = System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription,
                },
                results,
            },
            Indented
        );

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    private static string Processor() =>
        File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo")
                .Where(line => line.StartsWith("model name", StringComparison.Ordinal))
                .Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 2)..])
                .FirstOrDefault("unknown")
            : "unknown";
}
