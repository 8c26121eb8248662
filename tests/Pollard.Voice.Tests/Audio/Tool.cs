using System.ComponentModel;
using System.Diagnostics;

namespace Pollard.Voice.Tests.Audio;

/// <summary>Programs of the system that tests compare with; `./test` installs them.</summary>
internal static class Tool
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>Runs a program and gives back what it wrote. Where it is not installed the test is skipped, and says so.</summary>
    public static async Task<byte[]> RunAsync(string program, IEnumerable<string> arguments, byte[]? input = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Start(start);
        using var late = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        late.CancelAfter(Patience);
        using var output = new MemoryStream();
        var reading = process.StandardOutput.BaseStream.CopyToAsync(output, late.Token);
        var complaining = process.StandardError.ReadToEndAsync(late.Token);
        await process.StandardInput.BaseStream.WriteAsync(input ?? [], late.Token);
        process.StandardInput.Close();
        await reading;
        await process.WaitForExitAsync(late.Token);
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {await complaining}");
        return output.ToArray();
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            Assert.Skip($"{start.FileName} is not installed: {e.Message}");
            throw;
        }
    }
}
