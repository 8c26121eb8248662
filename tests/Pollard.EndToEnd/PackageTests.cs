using System.IO.Compression;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The client's package, as somebody finds it in a folder: a program outside this project's folder uses it.</summary>
public sealed class PackageTests
{
    private const string Program = """
        using Microsoft.Extensions.AI;
        using Pollard.Client;

        using var gateway = new PollardClient(new Uri(args[0]));
        var task = await gateway.Tasks.SubmitChatAsync(new ChatPrompt("pollard-demo", "Hello"));
        Console.WriteLine("task: " + (await task.ResultAsync()).Text);
        using var chat = new PollardChatClient(gateway, "pollard-demo");
        Console.WriteLine("chat: " + (await chat.GetResponseAsync("Hello")).Text);
        """;

    private const string Project = """
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <OutputType>Exe</OutputType>
            <TargetFramework>net10.0</TargetFramework>
            <ImplicitUsings>enable</ImplicitUsings>
            <UseAppHost>false</UseAppHost>
          </PropertyGroup>
          <ItemGroup>
            <PackageReference Include="Pollard.Client" Version="0.1.0" />
          </ItemGroup>
        </Project>
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_program_that_takes_it_from_a_folder_talks_to_a_gateway()
    {
        await using var gateway = await GatewayProcess.StartAsync("up");
        await gateway.UntilModelAsync("pollard-demo");
        var folder = Directory.CreateTempSubdirectory("pollard-package-");
        try
        {
            var feed = folder.CreateSubdirectory("feed").FullName;
            var program = folder.CreateSubdirectory("program").FullName;
            await File.WriteAllTextAsync(Path.Combine(program, "Program.cs"), Program, Token);
            await File.WriteAllTextAsync(Path.Combine(program, "program.csproj"), Project, Token);
            await File.WriteAllTextAsync(
                Path.Combine(program, "nuget.config"),
                SourcesOf(feed, folder.FullName),
                Token
            );

            await DotnetAsync(Sources.Root, "pack", "src/Pollard.Client", "-c", "Release", "--no-build", "-o", feed);
            var printed = await DotnetAsync(program, "run", "--", gateway.Url);

            Assert.Contains("task: [simulator] ", printed, StringComparison.Ordinal);
            Assert.Contains("chat: [simulator] ", printed, StringComparison.Ordinal);
            await using var package = await ZipFile.OpenReadAsync(
                Directory.GetFiles(feed, "Pollard.Client.*.nupkg").Single(),
                Token
            );
            Assert.Superset(
                new HashSet<string>(["README.md", "lib/net10.0/Pollard.Client.dll", "lib/net10.0/Pollard.Client.xml"]),
                package.Entries.Select(entry => entry.FullName).ToHashSet(StringComparer.Ordinal)
            );
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // Nothing comes from a network: what the package needs was restored for this project, and lies in the machine's folder.
    private static string SourcesOf(string feed, string folder) =>
        $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="{folder}/packages" /></config>
              <fallbackPackageFolders><add key="machine" value="{MachineFolder}" /></fallbackPackageFolders>
              <packageSources><clear /><add key="feed" value="{feed}" /></packageSources>
            </configuration>
            """;

    private static string MachineFolder =>
        Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static Task<string> DotnetAsync(string folder, params string[] arguments) =>
        OtherProgram.RunAsync(folder, "dotnet", arguments);
}
