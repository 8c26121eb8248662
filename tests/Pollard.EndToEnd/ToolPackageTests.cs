using System.Globalization;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The program as a .NET tool, installed from a folder that has nothing but its package.</summary>
public sealed class ToolPackageTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-tool-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_is_installed_and_serves()
    {
        var feed = _folder.CreateSubdirectory("feed").FullName;
        var tools = Path.Combine(_folder.FullName, "tools");
        var sources = Path.Combine(_folder.FullName, "nuget.config");
        await File.WriteAllTextAsync(
            sources,
            $"""<configuration><packageSources><clear /><add key="feed" value="{feed}" /></packageSources></configuration>""",
            Token
        );

        // A folder of its own: artifacts/publish has the native file.
        var published = $"-p:PublishDir={Path.Combine(_folder.FullName, "published")}/";
        _ = await DotnetAsync("pack", "src/Pollard", "-c", "Release", "--no-build", "-o", feed, published);
        _ = await DotnetAsync("tool", "install", "Pollard", "--tool-path", tools, "--configfile", sources);
        var tool = Path.Combine(tools, "pollard");
        var version = await OtherProgram.RunAsync(_folder.FullName, tool, "--version");

        Assert.EndsWith($"Pollard.{version.Trim()}.nupkg", Directory.GetFiles(feed).Single(), StringComparison.Ordinal);
        await ServesAsync(tool);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private async Task ServesAsync(string tool)
    {
        var url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{PollardProcess.FreePort()}");
        var data = Path.Combine(_folder.FullName, "data");
        await using var process = PollardProcess.StartProgram([
            tool,
            "serve",
            "--urls",
            url,
            "--link-url",
            "none",
            "--data",
            data,
        ]);
        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(url) };
        await process.UntilAsync(ct => AnswersAsync(http, ct), "it answers");

        Assert.Contains("\"tasks\":[]", await http.GetStringAsync("/v1/tasks", Token), StringComparison.Ordinal);
        Assert.Equal(0, await process.StopAsync());
    }

    private static async Task<bool> AnswersAsync(HttpClient http, CancellationToken ct)
    {
        try
        {
            using var reply = await http.GetAsync("/readyz", ct);
            return reply.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static Task<string> DotnetAsync(params string[] arguments) =>
        OtherProgram.RunAsync(Sources.Root, "dotnet", arguments);
}
