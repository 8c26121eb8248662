using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>What the image and <c>docs/operate/compose.yaml</c> run, without containers: the same commands as processes of this machine.</summary>
public sealed partial class ImageTests : IDisposable
{
    private const string Model = "pollard-demo";
    private static readonly string Image = File.ReadAllText(Sources.In("Dockerfile"));
    private static readonly string Compose = File.ReadAllText(Sources.In("docs/operate/compose.yaml"));
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-image-");
    private readonly int _port = PollardProcess.FreePort();
    private readonly int _ollamaPort = PollardProcess.FreePort();

    [Fact]
    public async Task An_agent_joins_with_a_token_made_in_the_gateways_container()
    {
        await using var ollama = Start("ollama", ["simulate", "ollama", "--url", $"http://127.0.0.1:{_ollamaPort}"]);
        await using var gateway = StartGateway();
        await gateway.UntilAsync(_ => Task.FromResult(AdminKey.IsMatch(gateway.Output)), "the key is in the log");
        var key = AdminKey.Match(gateway.Output).Value;
        var token = await OtherProgram.RunAsync(
            _folder.FullName,
            "env",
            [
                $"POLLARD_KEY={key}",
                PollardProcess.Executable,
                "token",
                "create",
                "--gateway",
                $"http://127.0.0.1:{_port}",
            ]
        );

        await using var agent = Start(
            "agent",
            List(Compose, "command: "),
            $"POLLARD_JOIN={JoinToken.Match(token).Value}"
        );

        await gateway.UntilAsync(ct => HasModelAsync(key, ct), "the agent's model is served");
        Assert.Equal(0, await agent.StopAsync());
        Assert.Equal(0, await gateway.StopAsync());
    }

    [Fact]
    public async Task Its_check_of_health_says_whether_the_gateway_answers()
    {
        await using var gateway = StartGateway();
        await gateway.UntilAsync(async _ => await HealthAsync() == 0, "the check is content");

        Assert.Equal(0, await gateway.StopAsync());

        Assert.NotEqual(0, await HealthAsync());
    }

    [Fact]
    public async Task It_takes_the_file_that_is_published()
    {
        var published = await OtherProgram.RunAsync(Sources.Root, Sources.In("eng/publish"));

        Assert.Contains("\nRUN eng/publish\n", Image, StringComparison.Ordinal);
        Assert.Contains(
            $"COPY --from=build /source/{Path.GetRelativePath(Sources.Root, published.Trim().Split('\n')[^1])} ",
            Image,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void What_the_projects_name_is_sent_to_the_build()
    {
        var sent = File.ReadLines(Sources.In(".dockerignore"))
            .Where(static line => line.StartsWith('!'))
            .Select(static line => line[1..])
            .ToHashSet(StringComparer.Ordinal);
        var projects = Directory.GetFiles(Sources.In("src"), "*.csproj", SearchOption.AllDirectories);

        Assert.Superset(new HashSet<string>(["src", "eng", "Directory.*", "global.json"]), sent);
        Assert.All(
            projects.SelectMany(FilesNamedBy),
            static file => Assert.StartsWith(Sources.In("src") + "/", file, StringComparison.Ordinal)
        );
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private PollardProcess StartGateway() =>
        // Not the port after the first one, which another test may have.
        Start("gateway", [.. List(Image, "CMD "), "--link-url", $"http://0.0.0.0:{PollardProcess.FreePort()}"]);

    private PollardProcess Start(string data, string[] arguments, params string[] environment) =>
        PollardProcess.StartProgram([
            "env",
            $"POLLARD_DATA={Path.Combine(_folder.FullName, data)}",
            .. environment,
            PollardProcess.Executable,
            .. arguments.Select(Here),
        ]);

    private async Task<int> HealthAsync()
    {
        var command = List(Image, "HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ");
        return (await OtherProgram.TryAsync(_folder.FullName, command[0], [.. command[1..].Select(Here)])).ExitCode;
    }

    // Containers have names and ports of their own; here all are on one machine beside other tests.
    private string Here(string argument) =>
        argument
            .Replace("gateway:7655", $"127.0.0.1:{_port}", StringComparison.Ordinal)
            .Replace("ollama:11434", $"127.0.0.1:{_ollamaPort}", StringComparison.Ordinal)
            .Replace("7655", $"{_port}", StringComparison.Ordinal);

    private async Task<bool> HasModelAsync(string key, CancellationToken ct)
    {
        using var http = new HttpClient(new SocketsHttpHandler());
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        var models = await http.GetStringAsync($"http://127.0.0.1:{_port}/v1/models", ct);
        return models.Contains($"\"{Model}\"", StringComparison.Ordinal);
    }

    /// <summary>The list, JSON, that stands behind these words on one line.</summary>
    private static string[] List(string text, string words)
    {
        var line = text.Split('\n')
            .Select(static line => line.Trim())
            .Single(line => line.StartsWith(words, StringComparison.Ordinal));
        return JsonSerializer.Deserialize<string[]>(line[words.Length..])!;
    }

    private static IEnumerable<string> FilesNamedBy(string project) =>
        XDocument
            .Load(project)
            .Descendants()
            .Select(static item => (string?)item.Attribute("Include"))
            .OfType<string>()
            .Where(static name => name.Contains('/', StringComparison.Ordinal))
            .Select(name => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(project)!, name)));

    [GeneratedRegex(@"\bpk_\w+", RegexOptions.NonBacktracking)]
    private static partial Regex AdminKey { get; }

    [GeneratedRegex(@"\bjt_\w+", RegexOptions.NonBacktracking)]
    private static partial Regex JoinToken { get; }
}
