using System.Diagnostics;

namespace Pollard.Bench.Machine;

/// <summary>Short commands of the system, run to their end.</summary>
internal static class SystemTool
{
    /// <summary>Runs one.</summary>
    /// <returns>Its exit code, and what it printed.</returns>
    public static (int Code, string Output) Run(params string[] command)
    {
        var (code, output, _) = RunAll(command);
        return (code, output);
    }

    /// <summary>Runs one that must succeed.</summary>
    /// <returns>What it printed.</returns>
    /// <exception cref="InvalidOperationException">It failed; the message has what it said.</exception>
    public static string Must(params string[] command)
    {
        var (code, output, errors) = RunAll(command);
        return code == 0
            ? output
            : throw new InvalidOperationException($"`{string.Join(' ', command)}` failed: {errors.Trim()}");
    }

    private static (int Code, string Output, string Errors) RunAll(string[] command)
    {
        using var process = Process.Start(
            new ProcessStartInfo(command[0], command[1..])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var errors = process.StandardError.ReadToEndAsync(); // Beside the other one: a full pipe would stop it.
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
#pragma warning disable VSTHRD002 // It has ended, and so has what it said.
        return (process.ExitCode, output, errors.Result);
#pragma warning restore VSTHRD002
    }
}
