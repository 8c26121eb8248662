using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Pollard.Tasks;
using Pollard.Testing;

namespace Pollard.Gateway.Tests.Teleport;

public sealed class TeleportTests
{
    private const string Wiki = "/v1/teleport/wiki";
    private static readonly byte[] Large = RandomNumberGenerator.GetBytes(3_000_000);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ACallReachesTheToolAsItWasMadeAndItsAnswerComesBackAsItIs()
    {
        await using var scene = await ToolScene.StartAsync(EchoAsync);
        using var request = new HttpRequestMessage(HttpMethod.Put, $"{Wiki}/a%2Fb/?x=%20&y")
        {
            Content = new StringContent("hello", Encoding.UTF8, "text/plain"),
            Headers =
            {
                { "Authorization", "Bearer for-the-gateway" },
                { "Tool-Authorization", "Basic for-the-tool" },
                { "X-One", "1" },
            },
        };

        using var response = await scene.Gateway.Client.SendAsync(request, Token);

        Assert.Equal(HttpStatusCode.MultiStatus, response.StatusCode);
        Assert.Equal("yes", response.Headers.GetValues("X-Tool").Single());
        Assert.StartsWith("task_", response.Headers.GetValues("Pollard-Task").Single(), StringComparison.Ordinal);
        Assert.Equal("/v1/teleport/wiki/next?z=1", response.Headers.Location?.OriginalString);
        Assert.Equal("a=b; HttpOnly; Path=/v1/teleport/wiki/sub", response.Headers.GetValues("Set-Cookie").Single());
        Assert.Contains(
            response.Headers.GetValues("Content-Security-Policy"),
            value => value.StartsWith("sandbox", StringComparison.Ordinal)
        );
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
        var said = JsonElement.Parse(await response.Content.ReadAsStringAsync(Token));
        Assert.Equal("PUT /base/a%2Fb/?x=%20&y", said.GetProperty("target").GetString());
        Assert.Equal("hello", said.GetProperty("body").GetString());
        Assert.Equal("Basic for-the-tool", said.GetProperty("headers").GetProperty("Authorization").GetString());
        Assert.Equal("1", said.GetProperty("headers").GetProperty("X-One").GetString());
    }

    [Fact]
    public async Task ACallMayNameTheAgentFirst()
    {
        await using var scene = await ToolScene.StartAsync(EchoAsync);

        var said = await TestGateway.JsonOf(scene.Gateway.GetAsync("/v1/teleport/box/wiki/a?b"), 207);
        var whole = await TestGateway.JsonOf(scene.Gateway.GetAsync("/v1/teleport/box/wiki"), 207);

        Assert.Equal("GET /base/a?b", said.GetProperty("target").GetString());
        Assert.Equal("GET /base/", whole.GetProperty("target").GetString());
    }

    [Theory]
    [InlineData("/v1/teleport/none/a", 404, "tool_not_found")]
    [InlineData("/v1/teleport/box/none/a", 404, "tool_not_found")]
    [InlineData("/v1/teleport/wiki/%2e%2e/secret", 403, "not_allowed")]
    [InlineData("/v1/teleport/wiki/http://elsewhere.example/", 403, "not_allowed")]
    public async Task WhatCannotBeCalledSaysWhy(string path, int status, string code)
    {
        await using var scene = await ToolScene.StartAsync(EchoAsync);

        var problem = await TestGateway.JsonOf(
            scene.Gateway.Client.SendAsync(
                new HttpRequestMessage(
                    HttpMethod.Get,
                    new Uri(
                        scene.Gateway.Server.Addresses[0] + path[1..],
                        new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }
                    )
                ),
                Token
            ),
            status
        );

        Assert.EndsWith(code, problem.GetProperty("type").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ABodyThatNoLinkTakesIsRefusedAndHarmsNoHost()
    {
        await using var scene = await ToolScene.StartAsync(async http =>
        {
            await http.Request.Body.CopyToAsync(Stream.Null, http.RequestAborted);
            await http.Response.WriteAsync("ok", http.RequestAborted);
        });
        var bytes = new byte[55_000_000];
        bytes.AsSpan().Fill(0xff); // No text: it grows by a third on its way.

        using var refused = await scene.Gateway.Client.PostAsync($"{Wiki}/", new ByteArrayContent(bytes), Token);
        using var taken = await scene.Gateway.Client.PostAsync(
            $"{Wiki}/",
            new ByteArrayContent(bytes[..25_000_000]),
            Token
        );

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
    }

    [Fact]
    public async Task ALargeAnswerGoesThroughWithoutStayingInMemory()
    {
        var engine = new TaskEngineOptions { MaxOutputBytes = 64 * 1024 };
        await using var scene = await ToolScene.StartAsync(
            http => http.Response.Body.WriteAsync(Large, Token).AsTask(),
            engine: engine
        );

        using var response = await scene.Gateway.GetAsync($"{Wiki}/");
        var bytes = await response.Content.ReadAsByteArrayAsync(Token);

        Assert.True(bytes.AsSpan().SequenceEqual(Large));
        var id = response.Headers.GetValues("Pollard-Task").Single();
        var task = await TestGateway.JsonOf(scene.Gateway.GetAsync($"/v1/tasks/{id}/wait"));
        Assert.Equal(Large.Length, task.GetProperty("result").GetProperty("bytes").GetInt64());
        var events = await TestGateway.TextOf(
            scene.Gateway.GetAsync($"/v1/tasks/{id}/events?after=-1", ("Accept", "application/json"))
        );
        Assert.True(events.Length < 64 * 1024, "the body is still in the log");
        await TestGateway.JsonOf(scene.Gateway.GetAsync($"/v1/tasks/{id}/body"), 410);
    }

    [Fact]
    public async Task WhoLooksOnTakesNothingFromWhoCalled()
    {
        var isWatched = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var scene = await ToolScene.StartAsync(async http =>
        {
            await http.Response.Body.FlushAsync(http.RequestAborted);
            await isWatched.Task.WaitAsync(http.RequestAborted);
            await http.Response.Body.WriteAsync(Large, http.RequestAborted);
        });

        using var response = await scene.Gateway.GetAsync($"{Wiki}/");
        var id = response.Headers.GetValues("Pollard-Task").Single();
        using var watched = await scene.Gateway.GetAsync($"/v1/tasks/{id}/events");
        var watching = watched.Content.ReadAsStringAsync(Token);
        isWatched.SetResult();

        Assert.True((await response.Content.ReadAsByteArrayAsync(Token)).AsSpan().SequenceEqual(Large));
        Assert.Contains("event: completed", await watching, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ADurableCallThatIsCancelledInTheMiddleLeavesNothing()
    {
        using var disk = new StoreOnDisk();
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var scene = await ToolScene.StartAsync(
            async http =>
            {
                try
                {
                    while (true)
                    {
                        await http.Response.Body.WriteAsync(Large, http.RequestAborted);
                    }
                }
                finally
                {
                    aborted.SetResult();
                }
            },
            store: disk.Create()
        );
        var bodies = new DirectoryInfo(Path.Combine(disk.Folder, "bodies"));

        var receipt = await TestGateway.JsonOf(scene.Gateway.GetAsync($"{Wiki}/", ("Prefer", "respond-async")), 202);
        var id = receipt.GetProperty("id").GetString();
        while (!bodies.Exists || bodies.EnumerateFiles().Sum(static file => file.Length) < Large.Length)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
            bodies.Refresh();
        }

        await TestGateway.JsonOf(scene.Gateway.Client.DeleteAsync($"/v1/tasks/{id}", Token), 202);
        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
        await TestGateway.JsonOf(scene.Gateway.GetAsync($"/v1/tasks/{id}/body"), 409);
        while (bodies.EnumerateFiles().Sum(static file => file.Length) > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
        }
    }

    [Fact]
    public async Task AClientThatDoesNotReadHoldsTheToolUpAndOneThatLeavesEndsTheCall()
    {
        var written = 0L;
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var scene = await ToolScene.StartAsync(async http =>
        {
            try
            {
                while (true)
                {
                    await http.Response.Body.WriteAsync(new byte[100_000], http.RequestAborted);
                    Interlocked.Add(ref written, 100_000);
                }
            }
            finally
            {
                aborted.SetResult();
            }
        });

        using (var response = await scene.Gateway.GetAsync($"{Wiki}/"))
        {
            var stream = await response.Content.ReadAsStreamAsync(Token);
            await stream.ReadExactlyAsync(new byte[1_000_000], Token);
        }

        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
        Assert.True(
            Interlocked.Read(ref written) < 100_000_000,
            $"{written} bytes were taken of a tool that nobody read"
        );
    }

    [Fact]
    public async Task AnAnswerThatBreaksOffIsNotWholeForTheClientEither()
    {
        var isRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var scene = await ToolScene.StartAsync(async http =>
        {
            await http.Response.WriteAsync("half", http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
            await isRead.Task.WaitAsync(http.RequestAborted);
            http.Abort();
        });

        using var response = await scene.Gateway.GetAsync($"{Wiki}/");
        var stream = await response.Content.ReadAsStreamAsync(Token);
        await stream.ReadExactlyAsync(new byte[4], Token);
        isRead.SetResult();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await Assert.ThrowsAnyAsync<IOException>(() => stream.ReadExactlyAsync(new byte[1], Token).AsTask());
    }

    [Theory]
    [InlineData("POST", 1)]
    [InlineData("GET", 3)]
    public async Task OnlyCallsThatMayBeRepeatedAre(string method, int tries)
    {
        var calls = 0;
        await using var scene = await ToolScene.StartAsync(
            http =>
            {
                Interlocked.Increment(ref calls);
                http.Abort();
                return Task.CompletedTask;
            },
            engine: new TaskEngineOptions { RetryDelay = TimeSpan.FromMilliseconds(10) }
        );

        using var response = await scene.Gateway.Client.SendAsync(
            new HttpRequestMessage(new HttpMethod(method), $"{Wiki}/"),
            Token
        );

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.InRange(calls, tries, tries * 2); // A connection that was kept may turn out to be dead before it is used.
    }

    [Theory]
    [InlineData("HEAD", 200)]
    [InlineData("GET", 204)]
    [InlineData("GET", 304)]
    public async Task AnswersWithoutABodyHaveNone(string method, int status)
    {
        await using var scene = await ToolScene.StartAsync(http =>
        {
            http.Response.StatusCode = status;
            http.Response.Headers.ETag = "\"a\"";
            return Task.CompletedTask;
        });

        using var response = await scene.Gateway.Client.SendAsync(
            new HttpRequestMessage(new HttpMethod(method), $"{Wiki}/"),
            Token
        );

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("\"a\"", response.Headers.ETag?.Tag);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync(Token));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(3_000_000)]
    public async Task ADurableCallIsFetchedLater(int bytes)
    {
        using var disk = new StoreOnDisk();
        await using var scene = await ToolScene.StartAsync(
            async http =>
            {
                http.Response.ContentType = "image/png";
                await http.Response.Body.WriteAsync(Large.AsMemory(0, bytes), http.RequestAborted);
            },
            store: disk.Create()
        );

        var receipt = await TestGateway.JsonOf(scene.Gateway.GetAsync($"{Wiki}/", ("Prefer", "respond-async")), 202);
        var id = receipt.GetProperty("id").GetString();
        var task = await TestGateway.JsonOf(scene.Gateway.GetAsync($"/v1/tasks/{id}/wait"));
        using var whole = await scene.Gateway.GetAsync($"/v1/tasks/{id}/body");
        using var part = await scene.Gateway.GetAsync($"/v1/tasks/{id}/body", ("Range", "bytes=10-19"));

        var result = task.GetProperty("result");
        Assert.Equal(200, result.GetProperty("status").GetInt32());
        if (bytes > 1_000_000)
        {
            Assert.Equal(bytes, result.GetProperty("bytes").GetInt64());
            Assert.Equal(
                Convert.ToHexStringLower(SHA256.HashData(Large.AsSpan(0, bytes))),
                result.GetProperty("sha256").GetString()
            );
        }

        Assert.Equal("image/png", whole.Content.Headers.ContentType?.MediaType);
        Assert.True((await whole.Content.ReadAsByteArrayAsync(Token)).AsSpan().SequenceEqual(Large.AsSpan(0, bytes)));
        Assert.Equal(Large[10..20], await part.Content.ReadAsByteArrayAsync(Token));
    }

    [Fact]
    public async Task ADurableCallMayBeWaitedForToo()
    {
        using var disk = new StoreOnDisk();
        var calls = 0;
        await using var scene = await ToolScene.StartAsync(
            async http =>
            {
                Interlocked.Increment(ref calls);
                await http.Response.Body.WriteAsync(Large, http.RequestAborted);
            },
            store: disk.Create()
        );

        using var first = await scene.Gateway.GetAsync($"{Wiki}/", ("Idempotency-Key", "one"));
        using var second = await scene.Gateway.GetAsync($"{Wiki}/", ("Idempotency-Key", "one"));

        Assert.True((await first.Content.ReadAsByteArrayAsync(Token)).AsSpan().SequenceEqual(Large));
        Assert.True((await second.Content.ReadAsByteArrayAsync(Token)).AsSpan().SequenceEqual(Large));
        Assert.Equal(1, calls);
    }

    [Theory]
    [InlineData("""{"kind":"http","request":{}}""", "model")]
    [InlineData("""{"kind":"http","model":"wiki","request":[]}""", "request")]
    [InlineData("""{"kind":"http","model":"wiki","request":{"method":"A B"}}""", "request")]
    [InlineData("""{"kind":"http","model":"wiki","request":{"path":"a"}}""", "request")]
    [InlineData("""{"kind":"http","model":"wiki","request":{"url":"ftp://a"}}""", "request")]
    [InlineData("""{"kind":"http","model":"wiki","request":{"path":"/","url":"http://a"}}""", "request")]
    [InlineData("""{"kind":"http","model":"wiki","request":{"body":"a","body_base64":"YQ=="}}""", "request")]
    [InlineData("""{"kind":"http","model":"wiki","request":{"body_base64":"%"}}""", "request")]
    [InlineData("""{"kind":"http","model":"wiki","request":{"headers":{"a":1}}}""", "request")]
    [InlineData("""{"kind":"http","model":"wiki","request":{},"validation":[{"type":"json"}]}""", "validation")]
    public async Task ACallThatIsNoneIsRefusedAtOnce(string task, string parameter)
    {
        await using var gateway = await TestGateway.StartAsync();

        var problem = await TestGateway.JsonOf(gateway.PostAsync("/v1/tasks", task), 400);

        Assert.Equal(parameter, problem.GetProperty("parameter").GetString());
    }

    [Fact]
    public async Task ToolsAreNoModels()
    {
        await using var scene = await ToolScene.StartAsync(EchoAsync);

        var models = await TestGateway.JsonOf(scene.Gateway.GetAsync("/v1/models"));

        Assert.Empty(models.GetProperty("data").EnumerateArray());
    }

    [Fact]
    public async Task CallsNeedAKeyWhereKeysAreNeededAndBodiesAreTheirOwners()
    {
        using var disk = new StoreOnDisk();
        await using var scene = await ToolScene.StartAsync(
            EchoAsync,
            gatewayOptions: options => options with { RequireKeys = true },
            store: disk.Create()
        );
        using var stranger = scene.Gateway.NewClient(null);
        var key = await TestGateway.JsonOf(scene.Gateway.PostAsync("/v1/keys", """{"name":"other"}"""), 201);
        var other = scene.Gateway.NewClient(key.GetProperty("key").GetString());

        using var refused = await stranger.GetAsync($"{Wiki}/", Token);
        var receipt = await TestGateway.JsonOf(scene.Gateway.GetAsync($"{Wiki}/", ("Prefer", "respond-async")), 202);
        var id = receipt.GetProperty("id").GetString();
        await TestGateway.JsonOf(scene.Gateway.GetAsync($"/v1/tasks/{id}/wait"));
        using var foreign = await other.GetAsync($"/v1/tasks/{id}/body", Token);
        using var own = await scene.Gateway.GetAsync($"/v1/tasks/{id}/body");

        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, foreign.StatusCode);
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
    }

    private static async Task EchoAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body, Encoding.UTF8);
        var body = await reader.ReadToEndAsync(http.RequestAborted);
        http.Response.StatusCode = 207;
        http.Response.Headers["X-Tool"] = "yes";
        http.Response.Headers.Location = "/base/next?z=1";
        http.Response.Headers.SetCookie = "a=b; Path=/sub; HttpOnly";
        http.Response.Headers.AccessControlAllowOrigin = "*";
        await http.Response.WriteAsync(
            JsonSerializer.Serialize(
                new
                {
                    target = $"{http.Request.Method} {http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget}",
                    body,
                    headers = http.Request.Headers.ToDictionary(
                        h => h.Key,
                        h => h.Value.ToString(),
                        StringComparer.OrdinalIgnoreCase
                    ),
                }
            ),
            http.RequestAborted
        );
    }
}
