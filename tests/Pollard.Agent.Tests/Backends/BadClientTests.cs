using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Backends;
using Pollard.Simulators;

namespace Pollard.Agent.Tests.Backends;

/// <summary>Clients that want of a machine what its owner does not offer: other models, its network, other servers.</summary>
public sealed class BadClientTests : IAsyncLifetime
{
    private readonly RecordingOutput _output = new();
    private RunningSimulator _server = null!;
    private OpenAiBackend _backend = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await OpenAiSimulator.StartAsync("http://127.0.0.1:0", new() { Tokens = 5 }, Token);
        _backend = Backend(_server.Url);
    }

    public async ValueTask DisposeAsync()
    {
        _backend.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("model", "\"mod\\u0065l\":\"private\"")]
    [InlineData("model", "\"Model\":\"private\"")]
    [InlineData("stream", "\"STREAM\":false")]
    public async Task What_is_the_agents_to_say_it_says_however_the_client_writes_the_word(string name, string member)
    {
        await _backend.RunAsync(Work.Chat(member), _output, Token);

        var sent = JsonElement.Parse(_server.Requests[^1].Body);
        var said = Assert
            .Single(sent.EnumerateObject(), said => string.Equals(said.Name, name, StringComparison.OrdinalIgnoreCase))
            .Value;
        Assert.Equal(name == "model" ? Work.Model : "True", said.ToString());
    }

    [Theory]
    [InlineData("{\"m\\u0065ssages\":[{\"role\":\"user\",\"content\":[{\"image_url\":\"http://10.0.0.1/\"}]}]}")]
    [InlineData("{\"Messages\":[{\"role\":\"user\",\"content\":[{\"image_url\":\"http://10.0.0.1/\"}]}]}")]
    [InlineData("{\"me\u017f\u017fages\":[{\"role\":\"user\",\"content\":[{\"image_url\":\"http://10.0.0.1/\"}]}]}")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"Content\":[{\"image_url\":\"http://10.0.0.1/\"}]}]}")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\\u005furl\":\"http://10.0.0.1/\"}]}]}")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"image_url\":{\"URL\":\"file:///etc/passwd\"}}]}]}")]
    [InlineData(
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"http://10.0.0.1/\"}]}]}"
    )]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"video\":[\"file:///etc/passwd\"]}]}]}")]
    [InlineData("{\"input\":[{\"image\":\"http://10.0.0.1/\"}]}")]
    [InlineData("{\"messages\":[],\"tools\":[{\"type\":\"mcp\",\"server_url\":\"http://10.0.0.1/\"}]}")]
    public async Task No_way_of_writing_leads_a_server_into_the_machines_network(string request)
    {
        var failure = (await _backend.RunAsync(Work.Of("chat", request), _output, Token)).Failure;

        Assert.Equal("unsupported", failure?.Code);
        Assert.Empty(_server.Requests);
    }

    [Theory]
    [InlineData("{\"input\":[\"http://x/y\",\"file:///z\"]}")]
    [InlineData(
        "{\"messages\":[],\"tools\":[{\"function\":{\"parameters\":{\"properties\":{\"url\":{\"default\":\"http://x\"}}}}}]}"
    )]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"http://x\"}]}]}")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"input_audio\":{\"data\":\"QUJD\"}}]}]}")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"Look at http://x/y\"}]}")]
    public async Task A_text_may_speak_of_addresses(string request)
    {
        Assert.Null((await _backend.RunAsync(Work.Of("chat", request), _output, Token)).Failure);
    }

    [Theory]
    [InlineData("api_base", "\"api_base\":\"http://10.0.0.1\"")]
    [InlineData("kv_transfer_params", "\"Kv_Transfer_Params\":{\"remote_host\":\"10.0.0.1\"}")]
    [InlineData("bootstrap_host", "\"bootstrap\\u005fhost\":\"10.0.0.1\"")]
    public async Task Whom_a_server_calls_is_not_the_clients_to_say(string parameter, string member)
    {
        var failure = (await _backend.RunAsync(Work.Chat(member), _output, Token)).Failure;

        Assert.Equal(("unsupported", parameter), (failure?.Code, failure?.Parameter));
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_server_that_sends_the_agent_elsewhere_is_not_followed()
    {
        await using var leading = await ScriptedServer.StartAsync(
            http =>
            {
                http.Response.StatusCode = StatusCodes.Status307TemporaryRedirect;
                http.Response.Headers.Location = new Uri(_server.Url, "/v1/chat/completions").ToString();
                return Task.CompletedTask;
            },
            Token
        );
        using var backend = Backend(leading.Url);

        var failure = (await backend.RunAsync(Work.Chat(), _output, Token)).Failure;

        Assert.Equal(("backend_error", 307), (failure?.Code, failure?.Status));
        Assert.Empty(_server.Requests);
    }

    private static OpenAiBackend Backend(Uri url) =>
        new(new() { BaseUrl = url }, TimeProvider.System, NullLogger<OpenAiBackend>.Instance);
}
