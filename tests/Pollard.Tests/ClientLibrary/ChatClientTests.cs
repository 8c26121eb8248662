using Microsoft.AspNetCore.Http;
using Pollard.Client;
using Pollard.Tests.Support;

namespace Pollard.Tests.ClientLibrary;

public sealed class ChatClientTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_chat_comes_piece_by_piece()
    {
        var (pieces, _) = await AskAsync(
            """
            : waiting

            data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}

            data: {"choices":[{"index":0,"delta":{"content":"Hello "}}]}

            data: {"choices":[{"index":0,"delta":{"content":"there"},"finish_reason":"stop"}]}

            data: {"choices":[],"usage":{"total_tokens":2}}

            data: [DONE]


            """
        );

        Assert.Equal(["Hello ", "there"], pieces);
    }

    [Fact]
    public async Task A_chat_that_is_cut_is_never_a_clean_end()
    {
        var (pieces, failure) = await AskAsync(
            """
            data: {"choices":[{"index":0,"delta":{"content":"Hello "}}]}


            """
        );

        Assert.Equal(["Hello "], pieces);
        Assert.Equal(PollardException.StreamCut, failure?.Type);
        Assert.Equal("t1", failure?.TaskId);
    }

    [Fact]
    public async Task An_error_in_the_stream_is_an_error()
    {
        var (_, failure) = await AskAsync(
            """
            data: {"error":{"message":"The host vanished.","type":"server_error","code":"host_lost"}}

            data: [DONE]


            """
        );

        Assert.Equal("urn:pollard:error:host_lost", failure?.Type);
        Assert.Equal("The host vanished.", failure?.Message);
    }

    [Fact]
    public async Task A_refused_chat_says_what_the_door_said()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "POST /v1/chat/completions",
            """{"error":{"message":"Model x is served by no host.","type":"invalid_request_error","code":"model_not_found"}}""",
            404
        );
        using var client = new PollardClient(gateway.Url);

        var refused = await Assert.ThrowsAsync<PollardException>(async () =>
            await client.Chat.StreamAsync("x", [new("user", "Hi")], Token).ToListAsync(Token)
        );

        Assert.Equal("urn:pollard:error:model_not_found", refused.Type);
        Assert.Equal("Model x is served by no host.", refused.Detail);
    }

    private static async Task<(IReadOnlyList<string> Pieces, PollardException? Failure)> AskAsync(string stream)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "POST /v1/chat/completions",
            http =>
            {
                http.Response.Headers["Pollard-Task"] = "t1";
                http.Response.ContentType = "text/event-stream";
                return http.Response.WriteAsync(stream, Token);
            }
        );
        using var client = new PollardClient(gateway.Url);
        List<string> pieces = [];
        try
        {
            await foreach (var piece in client.Chat.StreamAsync("m", [new("user", "Hi")], Token))
            {
                pieces.Add(piece);
            }

            return (pieces, null);
        }
        catch (PollardException e)
        {
            return (pieces, e);
        }
    }
}
