using System.ClientModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OllamaSharp;
using OllamaSharp.Models.Chat;
using OpenAI;
using OpenAI.Chat;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>Client libraries as people use them, against <c>pollard up</c> with its built-in model.</summary>
public sealed class ClientsTests(ClientsTests.UpFixture up) : IClassFixture<ClientsTests.UpFixture>
{
    private const string Model = "pollard-demo";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task OpenAIs_client_for_node_works_unchanged()
    {
        var seen = await RunNodeAsync("openai.mjs");

        Assert.Contains(Model, seen.GetProperty("models").EnumerateArray().Select(static model => model.GetString()));
        Assert.Equal(seen.GetProperty("whole").GetString(), seen.GetProperty("streamed").GetString());
        Assert.True(seen.GetProperty("usage").GetProperty("completion_tokens").GetInt32() > 0);
        Assert.Equal(
            seen.GetProperty("usage").GetProperty("total_tokens").GetInt32(),
            seen.GetProperty("wholeUsage").GetProperty("total_tokens").GetInt32()
        );
        Assert.NotEqual("", seen.GetProperty("completion").GetString());
        Assert.Equal(2, seen.GetProperty("dimensions").GetArrayLength());
        Assert.Equal("get_weather", seen.GetProperty("tool").GetString());
        Assert.Equal(404, seen.GetProperty("unknown").GetProperty("status").GetInt32());
        Assert.Equal("model_not_found", seen.GetProperty("unknown").GetProperty("code").GetString());
        Assert.Contains(
            Model,
            seen.GetProperty("unknown").GetProperty("message").GetString(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Ollamas_client_for_node_works_unchanged()
    {
        var seen = await RunNodeAsync("ollama.mjs");

        Assert.Contains(
            seen.GetProperty("models").EnumerateArray(),
            static model => model.GetString()!.StartsWith(Model, StringComparison.Ordinal)
        );
        Assert.Equal(seen.GetProperty("whole").GetString(), seen.GetProperty("streamed").GetString());
        Assert.True(seen.GetProperty("done").GetBoolean());
        Assert.NotEqual("", seen.GetProperty("generated").GetString());
        Assert.Equal(2, seen.GetProperty("dimensions").GetArrayLength());
        Assert.Equal(404, seen.GetProperty("unknown").GetProperty("status").GetInt32());
    }

    [Fact]
    public async Task The_AI_SDK_works_unchanged()
    {
        var seen = await RunNodeAsync("ai.mjs");

        Assert.Equal(seen.GetProperty("whole").GetString(), seen.GetProperty("streamed").GetString());
        Assert.NotEqual("", seen.GetProperty("streamed").GetString());
        Assert.True(seen.GetProperty("usage").GetProperty("outputTokens").GetInt32() > 0);
        Assert.True(seen.GetProperty("dimension").GetInt32() > 0);
    }

    [Fact]
    public async Task OpenAIs_client_for_dotnet_works_unchanged()
    {
        var chat = OpenAIClient().GetChatClient(Model);
        List<OpenAI.Chat.ChatMessage> messages = [OpenAI.Chat.ChatMessage.CreateUserMessage("Tell me about rivers.")];
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 30 };

        ChatCompletion whole = await chat.CompleteChatAsync(messages, options, Token);
        var streamed = new StringBuilder();
        await foreach (var update in chat.CompleteChatStreamingAsync(messages, options, Token))
        {
            streamed.Append(string.Concat(update.ContentUpdate.Select(static part => part.Text)));
        }

        Assert.NotEqual("", whole.Content[0].Text);
        Assert.Equal(whole.Content[0].Text, streamed.ToString());
        Assert.True(whole.Usage.OutputTokenCount > 0);
        var models = await OpenAIClient().GetOpenAIModelClient().GetModelsAsync(Token);
        Assert.Contains(models.Value, static model => model.Id == Model);
    }

    [Fact]
    public async Task Microsofts_AI_abstractions_work_over_it()
    {
        using var client = OpenAIClient().GetChatClient(Model).AsIChatClient();

        var answer = await client.GetResponseAsync("Tell me about lakes.", cancellationToken: Token);
        var streamed = new StringBuilder();
        await foreach (var update in client.GetStreamingResponseAsync("Tell me about lakes.", cancellationToken: Token))
        {
            streamed.Append(update.Text);
        }

        Assert.Equal(answer.Text, streamed.ToString());
        Assert.True(answer.Usage?.OutputTokenCount > 0);
    }

    [Fact]
    public async Task OllamaSharp_works_unchanged()
    {
        using var client = new OllamaApiClient(up.Gateway.Url, Model);

        var models = await client.ListLocalModelsAsync(Token);
        var text = new StringBuilder();
        ChatDoneResponseStream? done = null;
        await foreach (
            var part in client.ChatAsync(
                new ChatRequest
                {
                    Messages = [new Message(OllamaSharp.Models.Chat.ChatRole.User, "Tell me about hills.")],
                },
                Token
            )
        )
        {
            text.Append(part?.Message.Content);
            done = part as ChatDoneResponseStream ?? done;
        }

        Assert.Contains(models, static model => model.Name.StartsWith(Model, StringComparison.Ordinal));
        Assert.NotEqual("", text.ToString());
        Assert.True(done?.EvalCount > 0);
    }

    private OpenAIClient OpenAIClient() =>
        new(new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = new Uri($"{up.Gateway.Url}/v1") });

    private async Task<JsonElement> RunNodeAsync(string script)
    {
        var clients = Path.GetFullPath(
            Path.Combine(AppContext.BaseDirectory, "../../../../tests/Pollard.EndToEnd/clients")
        );
        Assert.True(
            Directory.Exists(Path.Combine(clients, "node_modules")),
            "The npm clients are not installed; ./test does it."
        );
        using var node = Process.Start(
            new ProcessStartInfo("node", [script, up.Gateway.Url, Model])
            {
                WorkingDirectory = clients,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var output = node.StandardOutput.ReadToEndAsync(Token);
        var errors = node.StandardError.ReadToEndAsync(Token);
        await node.WaitForExitAsync(Token);
        Assert.True(
            node.ExitCode == 0,
            $"{script} failed:\n{await errors}\n{await output}\n{up.Gateway.Process.Output}"
        );
        using var document = JsonDocument.Parse(await output);
        return document.RootElement.Clone();
    }

    /// <summary>One <c>pollard up</c> for all of them.</summary>
    public sealed class UpFixture : IAsyncLifetime
    {
        internal GatewayProcess Gateway { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Gateway = await GatewayProcess.StartAsync("up");
            await Gateway.UntilModelAsync(Model);
        }

        public async ValueTask DisposeAsync() => await Gateway.DisposeAsync();
    }
}
