using System.Diagnostics;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>What the documents tell people to type works, and prints what they say.</summary>
public sealed class DocumentTests
{
    private const string Address = "http://127.0.0.1:7655";
    private const string Up = "./pollard up";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string> All() => Documents.With(static block => block.IsRun);

    [Theory]
    [MemberData(nameof(All))]
    public async Task Its_commands_work_and_print_what_it_says(string document)
    {
        await using var gateway = await GatewayProcess.StartAsync("up");
        await gateway.Process.UntilSaysAsync("curl"); // The last of its greeting.
        await gateway.UntilModelAsync("pollard-demo");
        using var folder = new WorkFolder();

        foreach (var block in Documents.BlocksOf(document).Where(static block => block.IsRun))
        {
            foreach (var command in block.Commands)
            {
                var printed = command.Text == Up ? Greeting(gateway) : await RunAsync(block, command, gateway, folder);
                if (command.Expected is { } expected)
                {
                    Assert.Equal(Shape(expected), Shape(printed.Replace(gateway.Url, Address).Split('\n')));
                }
            }
        }
    }

    [Fact]
    public void The_first_page_shows_commands_that_run() =>
        Assert.True(Documents.BlocksOf("README.md").Count(static block => block.IsRun) >= 3);

    [Theory]
    [InlineData("{\"id\":\"chatcmpl-ckr54ja53d2kcjwvtjcxk33jj2\",\"created\":1795390113}", true)]
    [InlineData("{\"id\":\"chatcmpl-aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"created\":2}", true)]
    [InlineData("{\"id\":\"chatcmpl-aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"made\":2}", false)]
    public void Shapes_differ_by_names_and_not_by_numbers(string line, bool same) =>
        Assert.Equal(same, ShellBlock.ShapeOf(line) == "{\"id\":\"ID\",\"created\":N}");

    private static List<string> Shape(IEnumerable<string> lines) =>
        [.. lines.Select(ShellBlock.ShapeOf).Where(static line => line.Length > 0)];

    // A server does not end: the one that runs has said its part. What follows is its log.
    private static string Greeting(GatewayProcess gateway)
    {
        var lines = gateway.Process.Output.Split('\n');
        var last = Array.FindIndex(lines, static line => line.StartsWith("  curl ", StringComparison.Ordinal));
        return string.Join(
            '\n',
            lines[..(last + 1)].Where(static line => !line.Contains("Z info ", StringComparison.Ordinal))
        );
    }

    private static async Task<string> RunAsync(
        ShellBlock block,
        DocumentedCommand command,
        GatewayProcess gateway,
        WorkFolder folder
    )
    {
        var text = command.Text.Replace(Address, gateway.Url).Replace("curl ", "curl -sS --fail-with-body ");
        var start = new ProcessStartInfo(block.Runner[0], [.. block.Runner.Skip(1), text])
        {
            WorkingDirectory = folder.Path,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["POLLARD_GATEWAY"] = gateway.Url;
        start.Environment["POLLARD_DATA"] = gateway.Data;
        start.Environment["NO_COLOR"] = "1";
        using var shell = Process.Start(start)!;
        shell.StandardInput.Close();
        var output = shell.StandardOutput.ReadToEndAsync(Token);
        var errors = shell.StandardError.ReadToEndAsync(Token);
        await shell.WaitForExitAsync(Token);
        Assert.True(
            shell.ExitCode == 0,
            $"{block.Where}: {command.Text} ended with {shell.ExitCode}:\n{await output}\n{await errors}"
        );
        return await output;
    }
}
