using System.Text.Json.Nodes;
using System.Xml.Linq;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>What <c>eng/release</c> and <c>eng/sbom</c> make, and what they refuse.</summary>
public sealed class ReleaseTests : IDisposable
{
    private const string Changelog = "CHANGELOG.md";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-release-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_bill_of_materials_names_what_the_build_references_and_nothing_else()
    {
        _ = await OtherProgram.RunAsync(Sources.Root, Sources.In("eng/publish"));
        var file = Path.Combine(_folder.FullName, "pollard.cdx.json");

        _ = await OtherProgram.RunAsync(Sources.Root, Sources.In("eng/sbom"), "1.2.3", file);

        var bill = JsonNode.Parse(await File.ReadAllTextAsync(file, Token))!;
        var listed = Components(bill);
        Assert.Equal("CycloneDX", (string?)bill["bomFormat"]);
        Assert.Equal("1.2.3", (string?)bill["metadata"]!["component"]!["version"]);
        Assert.Equal(await BuiltWithAsync(), listed);
        Assert.All(bill["components"]!.AsArray(), static part => Assert.NotEmpty(part!["hashes"]!.AsArray()));
        Assert.Contains(
            Components(bill["metadata"]!["component"]!),
            static part => part.StartsWith("Microsoft.NETCore.App.Runtime.NativeAOT.", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task Every_package_that_ships_has_its_version_in_one_file_among_those_of_the_product() =>
        Assert.Empty((await BuiltWithAsync()).Except(Versions("Product"), StringComparer.Ordinal));

    [Fact]
    public async Task A_draft_has_all_of_a_release_and_is_the_same_when_it_is_made_again()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("POLLARD_SOAK") == "1",
            "Compiles all once more: ./test --soak."
        );
        var version = (await OtherProgram.RunAsync(Sources.Root, PollardProcess.Executable, "--version")).Trim();
        var release = Sources.In("artifacts/release");

        _ = await OtherProgram.RunAsync(Sources.Root, Sources.In("eng/release"), "--draft", version);
        var sums = await File.ReadAllTextAsync(Path.Combine(release, "SHA256SUMS"), Token);
        _ = await OtherProgram.RunAsync(Sources.Root, Sources.In("eng/release"), "--draft", version);

        Assert.Equal(sums, await File.ReadAllTextAsync(Path.Combine(release, "SHA256SUMS"), Token));
        _ = await OtherProgram.RunAsync(release, "sha256sum", "--check", "SHA256SUMS");
        Assert.Equal(
            [
                $"Pollard.{version}.nupkg",
                $"Pollard.Client.{version}.nupkg",
                $"Pollard.Protocol.{version}.nupkg",
                "SHA256SUMS",
                $"pollard-{version}-linux-x64.tar.gz",
                $"pollard-{version}.cdx.json",
            ],
            Directory.GetFiles(release).Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );
        _ = await OtherProgram.RunAsync(
            _folder.FullName,
            "tar",
            "-xzf",
            Path.Combine(release, $"pollard-{version}-linux-x64.tar.gz")
        );
        var unpacked = In($"pollard-{version}-linux-x64");
        Assert.Equal(
            version,
            (await OtherProgram.RunAsync(unpacked, Path.Combine(unpacked, "pollard"), "--version")).Trim()
        );
        Assert.True(File.Exists(Path.Combine(unpacked, "pollard.service")));
    }

    [Fact]
    public async Task Only_a_clean_tree_that_says_its_version_and_what_changed_is_released()
    {
        await MakeSourcesAsync();

        Assert.Equal(2, (await ReleaseAsync("1.2")).ExitCode);
        Assert.Equal((1, "release: the sources call themselves 1.2.3; "), await RefusalAsync("1.2.4"));
        Assert.Equal((1, "release: CHANGELOG.md has no section \"## 1.2.3\"; "), await RefusalAsync("1.2.3"));

        await File.WriteAllTextAsync(In(Changelog), "# Changelog\n\n## 1.2.3 (2026-12-01)\n", Token);
        Assert.Equal((1, "release: the tree has changes that are not committed; "), await RefusalAsync("1.2.3"));

        // Nothing refuses it any more: it gets to the sources, of which there are none.
        _ = await GitAsync("commit", "--quiet", "--all", "--message", "Release 1.2.3");
        var (exitCode, said) = await ReleaseAsync("1.2.3");
        Assert.NotEqual(0, exitCode);
        Assert.Contains("publish: failed", said, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private string In(string path) => Path.Combine(_folder.FullName, path);

    private async Task MakeSourcesAsync()
    {
        _folder.CreateSubdirectory("eng");
        _folder.CreateSubdirectory("src");
        foreach (var file in (string[])["eng/release", "eng/publish", "eng/sdk.sh", "global.json", ".gitignore"])
        {
            File.Copy(Sources.In(file), In(file));
        }

        await File.WriteAllTextAsync(
            In("Directory.Build.props"),
            "<Project>\n<Version>1.2.3</Version>\n</Project>",
            Token
        );
        await File.WriteAllTextAsync(In(Changelog), "# Changelog\n\n## Unreleased\n\n## 1.2.30\n", Token);
        _ = await GitAsync("init", "--quiet");
        _ = await GitAsync("add", ".");
        _ = await GitAsync("commit", "--quiet", "--message", "Begin");
    }

    private Task<string> GitAsync(params string[] arguments) =>
        OtherProgram.RunAsync(
            _folder.FullName,
            "git",
            ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.com", .. arguments]
        );

    private Task<(int ExitCode, string Said)> ReleaseAsync(string version) =>
        OtherProgram.TryAsync(_folder.FullName, In("eng/release"), version);

    // What it says, up to what one is to do.
    private async Task<(int ExitCode, string Said)> RefusalAsync(string version)
    {
        var (exitCode, said) = await ReleaseAsync(version);
        return (exitCode, said[..(said.IndexOf("; ", StringComparison.Ordinal) + 2)]);
    }

    private static IEnumerable<string> Components(JsonNode of) =>
        of["components"]!
            .AsArray()
            .Select(static part => $"{part!["name"]}/{part["version"]}")
            .Order(StringComparer.Ordinal);

    // What the program looks for when it starts, as the SDK wrote it down beside the built executable.
    private static async Task<IEnumerable<string>> BuiltWithAsync()
    {
        await using var file = File.OpenRead(Path.ChangeExtension(PollardProcess.Built, ".deps.json"));
        var built = await JsonNode.ParseAsync(file, cancellationToken: Token);
        return built!["libraries"]!
            .AsObject()
            .Where(static library => (string?)library.Value!["type"] == "package")
            .Select(static library => library.Key)
            .Order(StringComparer.Ordinal);
    }

    private static HashSet<string> Versions(string group) =>
        XDocument
            .Load(Sources.In("Directory.Packages.props"))
            .Descendants("ItemGroup")
            .Where(items => ((string?)items.Attribute("Label"))!.StartsWith(group, StringComparison.Ordinal))
            .Elements("PackageVersion")
            .Select(static package =>
                $"{(string?)package.Attribute("Include")}/{(string?)package.Attribute("Version")}"
            )
            .ToHashSet(StringComparer.Ordinal);
}
