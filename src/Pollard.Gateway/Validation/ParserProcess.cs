using System.Diagnostics;
using System.Text;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Validation;

/// <summary>
/// Has a program read a text and say whether it can be parsed, within bounds of time, memory, files and output. The text comes by
/// standard input, the program's script is ours: nothing of an answer is ever executed, or part of a command.
/// </summary>
/// <param name="interpreters">Where programs are found.</param>
/// <param name="time">Ends those that take too long.</param>
internal sealed class ParserProcess(Interpreters interpreters, TimeProvider time)
{
    /// <summary>The exit code with which our scripts say that the text is wrong; what is wrong stands in their output.</summary>
    public const int Refused = 65;

    private const int MostAtOnce = 4;
    private const int MostOutputCharacters = 2000;
    private const int FirstSignalCode = 128;

    // Data in KB, CPU seconds, no files, no core. What a system does not know is left out: time bounds it in any case.
    private const string Bounds = "ulimit -d 524288; ulimit -t 20; ulimit -f 0; ulimit -c 0; exec \"$@\"";

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10);

    // They are kept from eating the machine together, too.
    private static readonly SemaphoreSlim Places = new(MostAtOnce);

    /// <summary>Why a program cannot be used here; null when it can.</summary>
    public string? Lacks(string program) =>
        Interpreters.Shell is null ? "needs a system with /bin/sh, which sets the bounds of the process"
        : interpreters.Find(program) is null ? $"needs {program}, which is not on the gateway's machine"
        : null;

    /// <summary>What the program says of the text; null when it can be parsed.</summary>
    /// <exception cref="ReviewException">The program could not be asked.</exception>
    public async Task<string?> AskAsync(
        string program,
        IEnumerable<string> arguments,
        string text,
        CancellationToken ct
    )
    {
        var file = interpreters.Find(program);
        if (file is null || Interpreters.Shell is not { } shell)
        {
            throw new ReviewException($"the check {Lacks(program)}");
        }

        await Places.WaitAsync(ct);
        try
        {
            using var process = Start(shell, file, arguments);
            return await RunAsync(process, program, text, ct);
        }
        finally
        {
            Places.Release();
        }
    }

    private static Process Start(string shell, string file, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(shell, ["-c", Bounds, "sh", file, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = Path.GetTempPath(),
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        // The gateway's own settings, with its keys, are nobody else's.
        foreach (var name in start.Environment.Keys.ToList().Where(name => name is not ("PATH" or "HOME" or "TMPDIR")))
        {
            start.Environment.Remove(name);
        }

        try
        {
            return Process.Start(start)!;
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException)
        {
            throw new ReviewException($"the check could not start {file}: {e.Message}", e);
        }
    }

    private async Task<string?> RunAsync(Process process, string program, string text, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(TimeLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        // Not all reads of pipes hear of a token; all hear of the other side's end.
        using var end = either.Token.UnsafeRegister(static it => Kill((Process)it!), process);
        try
        {
            var output = ReadAsync(process.StandardOutput, either.Token);
            var problems = ReadAsync(process.StandardError, either.Token);
            await WriteAsync(process, text, either.Token);
            var said = await output;
            var complained = await problems;
            await process.WaitForExitAsync(either.Token);
            either.Token.ThrowIfCancellationRequested();
            return process.ExitCode switch
            {
                0 => null,
                Refused => said.Trim() is { Length: > 0 } reason ? reason : "it cannot be parsed",
                >= FirstSignalCode => $"{program} gave it up: it is too large, or nested too deep",
                var code => throw new ReviewException($"{program} ended with {code}: {complained.Trim()}"),
            };
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return $"{program} could not parse it within {TimeLimit.TotalSeconds:0} s";
        }
        finally
        {
            Kill(process);
        }
    }

    private static async Task WriteAsync(Process process, string text, CancellationToken ct)
    {
        try
        {
            await process.StandardInput.WriteAsync(text.AsMemory(), ct);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended before it had read all; its exit code says why.
        }
    }

    /// <summary>The first of what it writes. The rest is read too, or it would stand still.</summary>
    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken ct)
    {
        var kept = new StringBuilder();
        var buffer = new char[1024];
        int read;
        while ((read = await reader.ReadAsync(buffer, ct)) > 0)
        {
            kept.Append(buffer, 0, Math.Min(read, MostOutputCharacters - kept.Length));
        }

        return kept.ToString();
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It has ended.
        }
    }
}
