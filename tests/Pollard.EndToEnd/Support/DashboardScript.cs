using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Pollard.EndToEnd.Support;

/// <summary>Runs the checks of <c>clients/dashboard.mjs</c>, which drives the dashboard in Chromium.</summary>
internal static class DashboardScript
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Runs one check to its end; fails with what it saw when it does.</summary>
    /// <param name="check">The check's name.</param>
    /// <param name="gateway">Where the dashboard is.</param>
    /// <param name="given">What the check is to know.</param>
    /// <param name="answer">Does what the check asks for in between.</param>
    public static async Task RunAsync(
        string check,
        GatewayProcess gateway,
        object? given = null,
        Func<string, Task>? answer = null
    )
    {
        var script = Path.Combine(CommandAgent.Clients, "dashboard.mjs");
        using var node = Process.Start(
            new ProcessStartInfo("node", [script, check, gateway.Url, JsonSerializer.Serialize(given ?? new { })])
            {
                WorkingDirectory = CommandAgent.Clients,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        using var killed = Token.Register(() => node.Kill(entireProcessTree: true));
        var errors = node.StandardError.ReadToEndAsync(Token);
        var said = new StringBuilder();
        while (await node.StandardOutput.ReadLineAsync(Token) is { } line)
        {
            said.AppendLine(line);
            if (line.StartsWith("> ", StringComparison.Ordinal))
            {
                await answer!(line[2..]);
                await node.StandardInput.WriteLineAsync("done");
                await node.StandardInput.FlushAsync(Token);
            }
        }

        await node.WaitForExitAsync(Token);
        Assert.True(
            node.ExitCode == 0,
            $"{check} failed:\n{await errors}\n{said}\nThe gateway printed:\n{gateway.Process.Output}"
        );
        Assert.DoesNotContain(" ERROR ", gateway.Process.Output, StringComparison.Ordinal);
    }
}
