using System.ClientModel;
using OpenAI;
using OpenAI.Chat;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The program as people get it: one native file that needs nothing beside it.</summary>
public sealed class PublishedTests
{
    private const string Model = "pollard-demo";
    private const long MostBytes = 40 * 1024 * 1024;
    private static readonly string Published = Sources.In("artifacts/publish/pollard");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_published_file_serves_alone_and_answers()
    {
        _ = await PublishAsync();
        var folder = Directory.CreateTempSubdirectory("pollard-published-");
        var alone = Path.Combine(folder.FullName, "pollard");
        File.Copy(Published, alone);
        var url = $"http://127.0.0.1:{PollardProcess.FreePort()}";
        string[] arguments =
        [
            "up",
            "--urls",
            url,
            "--link-url",
            "none",
            "--data",
            Path.Combine(folder.FullName, "data"),
        ];

        await using (var process = PollardProcess.StartAlone(alone, arguments))
        {
            var client = new OpenAIClient(
                new ApiKeyCredential("none"),
                new OpenAIClientOptions { Endpoint = new Uri($"{url}/v1") }
            );
            await process.UntilAsync(ct => HasModelAsync(url, ct), $"the model {Model} is served");

            ChatCompletion answer = await client
                .GetChatClient(Model)
                .CompleteChatAsync([OpenAI.Chat.ChatMessage.CreateUserMessage("Hello")], cancellationToken: Token);

            Assert.StartsWith("[simulator]", answer.Content[0].Text, StringComparison.Ordinal);
            Assert.Equal(0, await process.StopAsync());
        }

        Assert.Equal(["data", "pollard"], folder.GetFileSystemInfos().Select(static entry => entry.Name).Order());
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task The_published_file_is_small_and_was_compiled_without_a_warning()
    {
        _ = await PublishAsync();

        var log = await File.ReadAllTextAsync(Sources.In("artifacts/publish.log"), Token);

        Assert.Single(Directory.GetFileSystemEntries(Path.GetDirectoryName(Published)!));
        Assert.InRange(new FileInfo(Published).Length, 1, MostBytes);
        Assert.DoesNotContain("warning", log, StringComparison.OrdinalIgnoreCase);
    }

    private static Task<string> PublishAsync() => OtherProgram.RunAsync(Sources.Root, Sources.In("eng/publish"));

    private static async Task<bool> HasModelAsync(string url, CancellationToken ct)
    {
        using var http = new HttpClient(new SocketsHttpHandler());
        try
        {
            return (await http.GetStringAsync($"{url}/v1/models", ct)).Contains(
                $"\"{Model}\"",
                StringComparison.Ordinal
            );
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
