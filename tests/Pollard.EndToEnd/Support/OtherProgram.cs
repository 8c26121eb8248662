using System.Diagnostics;

namespace Pollard.EndToEnd.Support;

/// <summary>Another program that runs to its end.</summary>
internal static class OtherProgram
{
    /// <summary>Runs it and returns what it prints; one that fails fails the test.</summary>
    public static async Task<string> RunAsync(string folder, string program, params string[] arguments)
    {
        var (exitCode, said) = await TryAsync(folder, program, arguments);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {exitCode}:\n{said}");
        return said;
    }

    /// <summary>Runs it; what it prints on both streams comes together.</summary>
    public static async Task<(int ExitCode, string Said)> TryAsync(
        string folder,
        string program,
        params string[] arguments
    )
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var token = TestContext.Current.CancellationToken;
        var output = process.StandardOutput.ReadToEndAsync(token);
        var errors = process.StandardError.ReadToEndAsync(token);
        await process.WaitForExitAsync(token);
        return (process.ExitCode, await output + await errors);
    }
}
