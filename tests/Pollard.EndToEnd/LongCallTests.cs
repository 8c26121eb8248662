using System.Diagnostics;
using System.Text.RegularExpressions;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The sample of the client's guide does what the guide says.</summary>
public sealed partial class LongCallTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_reads_its_answer_over_a_connection_that_was_cut()
    {
        await using var gateway = await GatewayProcess.StartAsync("up");
        await gateway.UntilModelAsync("pollard-demo");

        var printed = await RunAsync(gateway.Url);

        var task = TaskId.Match(printed).Value;
        var document = await gateway.GetAsync($"/v1/tasks/{task}");
        var answer = document.GetProperty("result").GetProperty("choices")[0].GetProperty("message");
        var text = answer.GetProperty("content").GetString()!;
        var (before, after) = printed.Split("(The connection is cut.)") is [var one, var two] ? (one, two) : ("", "");
        Assert.Contains("characters so far", before, StringComparison.Ordinal);
        Assert.Contains($"{text.Length} characters so far", after, StringComparison.Ordinal);
        Assert.Contains(text, after, StringComparison.Ordinal);
        Assert.NotEqual("1", Connections.Match(after).Groups["count"].Value);
        Assert.Contains("Tokens: ", after, StringComparison.Ordinal);
    }

    [GeneratedRegex("task_[a-z0-9]{26}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TaskId { get; }

    [GeneratedRegex(@"Connections: (?<count>\d+)\.", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Connections { get; }

    private static async Task<string> RunAsync(string gateway)
    {
        var start = new ProcessStartInfo(
            Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../LongCall/release/LongCall"))
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["POLLARD_GATEWAY"] = gateway;
        start.Environment.Remove("POLLARD_KEY");
        using var sample = Process.Start(start)!;
        var output = sample.StandardOutput.ReadToEndAsync(Token);
        var errors = sample.StandardError.ReadToEndAsync(Token);
        await sample.WaitForExitAsync(Token);
        Assert.True(sample.ExitCode == 0, $"It ended with {sample.ExitCode}:\n{await output}\n{await errors}");
        return await output;
    }
}
