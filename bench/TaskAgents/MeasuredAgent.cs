using System.Globalization;
using Pollard.Bench.Machine;

namespace Pollard.Bench.TaskAgents;

/// <summary>An agent of a task server, a process with two connections.</summary>
internal static class MeasuredAgent
{
    /// <summary>Starts one.</summary>
    /// <param name="server">The address of the task server.</param>
    /// <param name="pool">Its processors.</param>
    /// <param name="folder">Where its journal is.</param>
    /// <param name="options">Further options; without any it runs its demo.</param>
    public static ChildProcess Start(string server, int pool, BenchFolder folder, params string[] options) =>
        ChildProcess.Start(
            "agent",
            PollardProgram.File,
            [
                "agent",
                "--server",
                server,
                "--pool-size",
                pool.ToString(CultureInfo.InvariantCulture),
                "--max-connections",
                "2",
                "--log-level",
                "error", // Nobody reads what it prints.
                "--data",
                folder.Path,
                .. options,
            ]
        );
}
