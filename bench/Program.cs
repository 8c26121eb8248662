using Pollard.Bench;
using Pollard.Bench.Cancel;
using Pollard.Bench.Chaos;
using Pollard.Bench.Chat;
using Pollard.Bench.Dashboard;
using Pollard.Bench.Doors;
using Pollard.Bench.Hosts;
using Pollard.Bench.Machine;
using Pollard.Bench.Roles;
using Pollard.Bench.Start;
using Pollard.Bench.Store;
using Pollard.Bench.Stream;
using Pollard.Bench.Submit;
using Pollard.Bench.TaskAgents;
using Pollard.Bench.Telemetry;
using Pollard.Bench.Voice;
using Pollard.Bench.Waiters;

const int Usage = 2; // The exit codes of the program itself.
const int Interrupted = 130;

// One entry a suite: its name on the command line, and what runs it.
var suites = new Dictionary<string, Func<BenchArguments, Task<IReadOnlyList<BenchResult>>>>(StringComparer.Ordinal)
{
    ["store"] = StoreSuite.RunAsync,
    ["chat"] = ChatSuite.RunAsync,
    ["telemetry"] = TelemetrySuite.RunAsync,
    ["dashboard"] = DashboardSuite.RunAsync,
    ["stream"] = StreamSuite.RunAsync,
    ["submit"] = SubmitSuite.RunAsync,
    ["hosts"] = HostsSuite.RunAsync,
    ["cancel"] = CancelSuite.RunAsync,
    ["start"] = StartSuite.RunAsync,
    ["doors"] = DoorsSuite.RunAsync,
    ["waiters"] = WaitersSuite.RunAsync,
    ["agent"] = TaskAgentSuite.RunAsync,
    ["chaos"] = ChaosSuite.RunAsync,
    ["voice"] = VoiceSuite.RunAsync,
    ["spoken"] = SpokenSuite.RunAsync,
    ["faults"] = FaultSuite.RunAsync,
};

var wanted = args is [var name, ..] ? name : "";
if (wanted == "role")
{
    await Role.RunAsync(new BenchArguments(args));
    return 0;
}

if (wanted != "all" && !suites.ContainsKey(wanted))
{
    await Console.Error.WriteLineAsync(
        $"Usage: dotnet run -c Release --project bench -- <{string.Join('|', suites.Keys)}|all> [--seconds N] [--dir DIR] [--json FILE] ..."
    );
    return Usage;
}

var arguments = new BenchArguments(args[1..]);
PollardProgram.File = arguments.Text("program") ?? PollardProgram.File;
await Console.Error.WriteLineAsync($"Measures {PollardProgram.File}");
var results = new List<BenchResult>();
try
{
    foreach (var (suite, run) in suites)
    {
        if (wanted == "all" || wanted == suite)
        {
            results.AddRange(await run(arguments));
        }
    }
}
catch (UnfitException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return Usage;
}
catch (OperationCanceledException)
{
    return Interrupted;
}

BenchReport.Print(Console.Out, results);
if (arguments.Text("json") is { } file)
{
    await File.WriteAllTextAsync(file, BenchReport.Json(results));
}

return 0;
