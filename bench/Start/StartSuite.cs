using System.Diagnostics;
using System.Globalization;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Start;

/// <summary>From the start of the program to its first answer, in a new folder; its size; what it holds when idle.</summary>
internal static class StartSuite
{
    private const int Rounds = 20;
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(3);

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var latencies = new List<long>();
        var cpu = TimeSpan.Zero;
        var resident = 0.0;
        var measured = new Measurement();
        for (var round = 0; round < Rounds; round++)
        {
            using var folder = new BenchFolder(arguments.Text("dir"));
            var (port, link) = (Ports.Free(), Ports.Free());
            var began = Stopwatch.GetTimestamp();
            await using var program = ChildProcess.Start(
                "gateway",
                PollardProgram.File,
                [
                    "serve",
                    "--urls",
                    $"http://127.0.0.1:{port}",
                    "--link-url",
                    $"http://127.0.0.1:{link}",
                    "--data",
                    folder.Path,
                ]
            );
            await Ports.UntilAnswersAsync(port, "/healthz");
            latencies.Add(Stopwatch.GetTimestamp() - began);
            cpu += program.Cpu;
            if (round == Rounds - 1)
            {
                await Task.Delay(Settle);
                resident = program.ResidentMb;
            }
        }

        var folderOfProgram = Path.GetDirectoryName(PollardProgram.File)!;
        var bytes = PollardProgram.IsPublished
            ? Directory.EnumerateFiles(folderOfProgram).Sum(file => new FileInfo(file).Length)
            : 0;
        var note = string.Create(
            CultureInfo.InvariantCulture,
            $"{bytes / 1e6:N1} MB on disk{(PollardProgram.IsPublished ? "" : " (not published)")}, {resident:N0} MB when idle"
        );
        return
        [
            measured.End("start to the first answer", "starts", latencies, note) with
            {
                CpuMicroseconds = cpu.TotalMicroseconds / Rounds,
            },
        ];
    }
}
