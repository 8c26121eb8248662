using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Voice.Links;
using Pollard.Voice.Wyoming;

namespace Pollard.Voice.Tests.Wyoming;

/// <summary>Our models as a service of the Wyoming protocol, as its clients talk to it.</summary>
public sealed class HandleServerTests : IAsyncDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private HandleServer? _server;
    private Task _running = Task.CompletedTask;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _running.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, CancellationToken.None);
        _server?.Dispose();
        _over.Dispose();
    }

    [Fact]
    public async Task A_question_is_answered_in_pieces_and_once_more_as_a_whole()
    {
        await using var client = await ConnectAsync(static (text, _) => Pieces("You said ", text, "."));
        await SayAsync(client, """{"type":"transcript-start"}""");
        await SayAsync(client, """{"type":"transcript-chunk","data":{"text":"hé"}}""");
        await SayAsync(
            client,
            """{"type":"transcript","data":{"text":" héllo ","language":"en","context":{"conversation_id":"7"}}}"""
        );
        await SayAsync(client, """{"type":"transcript-stop"}""");

        var start = await HearAsync(client);
        Assert.Equal("handled-start", start.Type);
        Assert.Equal("7", start.Data.GetProperty("context").GetProperty("conversation_id").GetString());
        Assert.Equal(
            [("handled-chunk", "You said "), ("handled-chunk", "héllo"), ("handled-chunk", ".")],
            [await TextAsync(client), await TextAsync(client), await TextAsync(client)]
        );
        var whole = await HearAsync(client);
        Assert.Equal(("handled", "You said héllo."), (whole.Type, whole.Text("text"u8)));
        Assert.Equal("7", whole.Data.GetProperty("context").GetProperty("conversation_id").GetString());
        Assert.Equal("handled-stop", (await HearAsync(client)).Type);
    }

    [Fact]
    public async Task It_says_what_it_is_and_that_it_lives_also_while_it_answers()
    {
        await using var client = await ConnectAsync(EndlessAsync);
        await SayAsync(client, """{"type":"transcript","data":{"text":"hello"}}""");
        Assert.Equal("handled-start", (await HearAsync(client)).Type);
        Assert.Equal(("handled-chunk", "piece"), await TextAsync(client));
        await SayAsync(client, """{"type":"ping","data":{"text":"there?"}}""");
        Assert.Equal(("pong", "there?"), await TextAsync(client));
        await SayAsync(client, """{"type":"something-new","data":{},"payload_length":3}""", "abc");
        await SayAsync(client, """{"type":"describe"}""");
        var info = await HearAsync(client);
        Assert.Equal("info", info.Type);
        var program = Assert.Single(info.Data.GetProperty("handle").EnumerateArray());
        Assert.True(program.GetProperty("supports_handled_streaming").GetBoolean());
        Assert.True(program.GetProperty("installed").GetBoolean());
        var model = Assert.Single(program.GetProperty("models").EnumerateArray());
        Assert.Equal("llama3.2:3b", model.GetProperty("name").GetString());
        Assert.Equal("en", model.GetProperty("languages")[0].GetString());
        Assert.Empty(info.Data.GetProperty("asr").EnumerateArray());
    }

    [Fact]
    public async Task The_answer_to_who_leaves_ends()
    {
        await using (var client = await ConnectAsync(EndlessAsync))
        {
            await SayAsync(client, """{"type":"transcript","data":{"text":"hello"}}""");
            await HearAsync(client);
            await HearAsync(client);
        }

        await _ended.Task.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
    }

    [Fact]
    public async Task What_cannot_be_answered_is_said_so_and_the_next_question_is_heard()
    {
        await using var client = await ConnectAsync(AnswerAsync);
        await SayAsync(client, """{"type":"transcript","data":{"text":" "}}""");
        Assert.Equal(("not-handled", "nothing was said"), await TextAsync(client));
        foreach (
            var (text, trouble) in ((string, string)[])
                [("break", "broke off"), ("nothing", "no answer"), ("long", "more than 10000")]
        )
        {
            await SayAsync(client, $$$"""{"type":"transcript","data":{"text":"{{{text}}}"}}""");
            Assert.Equal("handled-start", (await HearAsync(client)).Type);
            var end = await HearAsync(client);
            while (end.Type == "handled-chunk")
            {
                end = await HearAsync(client);
            }

            Assert.Equal("not-handled", end.Type);
            Assert.Contains(trouble, end.Text("text"u8), StringComparison.Ordinal);
            Assert.Equal("handled-stop", (await HearAsync(client)).Type);
        }

        static IAsyncEnumerable<string> AnswerAsync(string text, CancellationToken ct) =>
            text switch
            {
                "break" => BreakAsync(),
                "long" => Pieces(new string('x', 9_999), "yz"),
                _ => Pieces(),
            };

        static async IAsyncEnumerable<string> BreakAsync()
        {
            await Task.Yield();
            yield return "a piece";
            throw new InvalidOperationException("The model is gone.");
        }
    }

    [Fact]
    public async Task One_question_too_many_is_refused_and_the_others_are_answered()
    {
        await using var client = await ConnectAsync(WaitAsync);
        await SayAsync(client, """{"type":"transcript","data":{"text":"0"}}""");
        Assert.Equal("handled-start", (await HearAsync(client)).Type); // It is being answered.
        for (var i = 1; i <= 5; i++)
        {
            await SayAsync(client, $$$"""{"type":"transcript","data":{"text":"{{{i}}}"}}""");
        }

        Assert.Equal("not-handled", (await HearAsync(client)).Type);
        _goOn.SetResult();
        List<string> answers = [];
        while (answers.Count < 5)
        {
            if (await HearAsync(client) is { Type: "handled" } whole)
            {
                answers.Add(whole.Text("text"u8)!);
            }
        }

        Assert.Equal(["0", "1", "2", "3", "4"], answers);

        async IAsyncEnumerable<string> WaitAsync(string text, [EnumeratorCancellation] CancellationToken ct)
        {
            await _goOn.Task.WaitAsync(ct);
            yield return text;
        }
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("{\"type\":\"transcript\",\"payload_length\":99999999}\n")]
    [InlineData("[1]\n")]
    public async Task Who_does_not_speak_the_protocol_is_told_so_and_let_go(string said)
    {
        await using var client = await ConnectAsync(static (_, _) => Pieces("a"));
        await SayAsync(client, said);
        Assert.Equal("error", (await HearAsync(client)).Type);
        Assert.Null(await client.ReadAsync<WyomingEvent>(WyomingEvent.TryRead, isBegun: false, Token));
    }

    [Fact]
    public async Task Connections_are_bounded_and_those_that_are_idle_are_let_go()
    {
        var clock = new FakeTimeProvider();
        await using var first = await ConnectAsync(
            static (_, _) => Pieces("a"),
            static settings => settings with { MostConnections = 1 },
            clock
        );
        await SayAsync(first, """{"type":"ping"}""");
        Assert.Equal("pong", (await HearAsync(first)).Type);
        await using (var second = await ConnectAsync())
        {
            Assert.Null(await EndAsync(second));
        }

        clock.Advance(TimeSpan.FromSeconds(301));
        Assert.Null(await EndAsync(first));
    }

    [Fact]
    public async Task Who_is_not_allowed_is_let_go()
    {
        await using var client = await ConnectAsync(
            static (_, _) => Pieces("a"),
            static settings => settings with { Allows = static _ => false }
        );
        Assert.Null(await EndAsync(client));
    }

    private static async IAsyncEnumerable<string> Pieces(params string[] pieces)
    {
        foreach (var piece in pieces)
        {
            await Task.Yield();
            yield return piece;
        }
    }

    private static async Task SayAsync(LinkConnection client, string line, string payload = "") =>
        await client.WriteAsync(Encoding.UTF8.GetBytes($"{line}\n{payload}"), Token);

    private static async Task<WyomingEvent> HearAsync(LinkConnection client)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        return await client.ReadAsync<WyomingEvent>(WyomingEvent.TryRead, isBegun: false, limit.Token)
            ?? throw new IOException("it has left");
    }

    private static async Task<(string, string?)> TextAsync(LinkConnection client) =>
        await HearAsync(client) is var said ? (said.Type, said.Text("text"u8)) : default;

    /// <summary>What comes before the end: nothing. That a connection is broken off means the same.</summary>
    private static async Task<WyomingEvent?> EndAsync(LinkConnection client)
    {
        try
        {
            return await client.ReadAsync<WyomingEvent>(WyomingEvent.TryRead, isBegun: false, Token);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private async IAsyncEnumerable<string> EndlessAsync(string text, [EnumeratorCancellation] CancellationToken ct)
    {
        try
        {
            yield return "piece";
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
        }
        finally
        {
            _ended.TrySetResult();
        }
    }

    private Task<LinkConnection> ConnectAsync(
        Func<string, CancellationToken, IAsyncEnumerable<string>> answer,
        Func<HandleSettings, HandleSettings>? with = null,
        TimeProvider? time = null
    )
    {
        var settings = new HandleSettings { Model = "llama3.2:3b" };
        _server = new HandleServer(
            new IPEndPoint(IPAddress.Loopback, 0),
            with?.Invoke(settings) ?? settings,
            answer,
            time ?? TimeProvider.System,
            NullLogger.Instance
        );
        _running = _server.RunAsync(_over.Token);
        return ConnectAsync();
    }

    private async Task<LinkConnection> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_server!.At, Token);
        return new LinkConnection(socket, TimeProvider.System);
    }
}
