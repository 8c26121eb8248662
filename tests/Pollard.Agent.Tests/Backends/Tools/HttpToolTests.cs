using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Tools;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Backends.Tools;

public sealed class HttpToolTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-tools-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task CallsTheToolAndPassesOnStatusHeaderAndBody()
    {
        await using var server = await EchoAsync();
        using var tool = Tool(server.Url);

        var (result, output) = await RunAsync(
            tool,
            """{"method":"POST","path":"/a/b?x=1&y=%20z","headers":{"X-One":"1","X-Many":["a","b"],"Content-Type":"text/plain"},"body":"hello"}"""
        );

        Assert.NotNull(result.Finish);
        var head = Head(output);
        Assert.Equal(201, head.Status);
        Assert.Contains(new HttpField("X-Tool", "yes"), head.Headers!);
        Assert.Equal(["c=1", "d=2"], Values(head, "Set-Cookie"));
        var said = JsonElement.Parse(output.Text(DeltaKind.Body));
        Assert.Equal("POST", said.GetProperty("method").GetString());
        Assert.Equal("/a/b?x=1&y=%20z", said.GetProperty("target").GetString());
        Assert.Equal("hello", said.GetProperty("body").GetString());
        Assert.Equal("1", said.GetProperty("headers").GetProperty("X-One").GetString());
        Assert.Equal("a, b", said.GetProperty("headers").GetProperty("X-Many").GetString());
    }

    [Fact]
    public async Task PassesOnErrorsOfTheToolAsItsAnswers()
    {
        await using var server = await ScriptedServer.RefuseAsync(503, "later", Token);
        using var tool = Tool(server.Url);

        var (result, output) = await RunAsync(tool, """{"path":"/"}""");

        Assert.NotNull(result.Finish);
        Assert.Equal(503, Head(output).Status);
        Assert.Equal("later", output.Text(DeltaKind.Body));
    }

    [Theory]
    [InlineData("""{"path":"/../secret"}""", "not_allowed")]
    [InlineData("""{"path":"/%2e%2e/secret"}""", "not_allowed")]
    [InlineData("""{"path":"/%252e%252e/secret"}""", "not_allowed")]
    [InlineData("""{"path":"/a/..%2f..%2fsecret"}""", "not_allowed")]
    [InlineData("""{"path":"/a%5c..%5c..%5csecret"}""", "not_allowed")]
    [InlineData("""{"path":"/a\\..\\secret"}""", "bad_request")]
    [InlineData("""{"path":"@elsewhere.example/"}""", "bad_request")]
    [InlineData("""{"path":".elsewhere.example/"}""", "bad_request")]
    [InlineData("""{"path":"//elsewhere.example/"}""", null)]
    [InlineData("""{"path":"/ HTTP/1.1\r\nHost: x\r\n\r\n"}""", "bad_request")]
    [InlineData("""{"path":"/a#b"}""", "bad_request")]
    [InlineData("""{"url":"http://elsewhere.example/base/"}""", "not_allowed")]
    [InlineData("""{"url":"http://127.0.0.1:1/base/"}""", "not_allowed")]
    [InlineData("""{"url":"file:///etc/passwd"}""", "not_allowed")]
    [InlineData("""{"url":"/base/a"}""", "not_allowed")]
    [InlineData("""{"method":"TRACE"}""", "not_allowed")]
    [InlineData("""{"method":"GET /x HTTP/1.1\r\nA: b"}""", "not_allowed")]
    [InlineData("""{"path":"/","url":"http://127.0.0.1/"}""", "bad_request")]
    [InlineData("""{"body":"a","body_base64":"YQ=="}""", "bad_request")]
    [InlineData("""{"headers":{"X-A":"b\r\nX-C: d"}}""", "bad_request")]
    [InlineData("""{"headers":{"X A":"b"}}""", "bad_request")]
    [InlineData("""{"headers":["a"]}""", "bad_request")]
    [InlineData("""{"body_base64":"%"}""", "bad_request")]
    [InlineData("""{"path":7}""", "bad_request")]
    [InlineData("null", "bad_request")]
    [InlineData("[", "bad_request")]
    public async Task NothingLeadsAwayFromTheToolsAddress(string call, string? code)
    {
        var paths = new List<string>();
        await using var server = await ScriptedServer.StartAsync(
            http =>
            {
                paths.Add(http.Request.Path);
                return Task.CompletedTask;
            },
            Token
        );
        using var tool = Tool(new Uri(server.Url, "/base"));

        var (result, output) = await RunAsync(tool, call);

        Assert.Equal(code, result.Failure?.Code);
        Assert.NotEqual(true, result.Failure?.Retryable);
        Assert.All(paths, path => Assert.StartsWith("/base", path));
        Assert.Equal(code is null, output.Deltas.Count > 0);
    }

    [Fact]
    public async Task TheOwnersMethodsAndPathsAreTheOnlyOnes()
    {
        await using var server = await EchoAsync();
        using var tool = Tool(server.Url, usual => usual with { Methods = ["GET"], Paths = ["/status", "/api/*"] });

        Assert.NotNull((await RunAsync(tool, """{"path":"/status?x=1"}""")).Result.Finish);
        Assert.NotNull((await RunAsync(tool, """{"path":"/api/v1/x"}""")).Result.Finish);
        Assert.Equal("not_allowed", (await RunAsync(tool, """{"path":"/admin"}""")).Result.Failure?.Code);
        Assert.Equal("not_allowed", (await RunAsync(tool, """{"path":"/statusx"}""")).Result.Failure?.Code);
        Assert.Equal(
            "not_allowed",
            (await RunAsync(tool, """{"method":"POST","path":"/status"}""")).Result.Failure?.Code
        );
    }

    [Fact]
    public async Task SecretsAreTheAgentsAndStandInPlaceOfTheClients()
    {
        var secret = Path.Combine(_folder.FullName, "key");
        await File.WriteAllTextAsync(secret, "s3cret\n", Token);
        await using var server = await EchoAsync();
        using var tool = Tool(
            server.Url,
            usual =>
                usual with
                {
                    Headers = new Dictionary<string, string> { ["Authorization"] = $"Bearer ${{file:{secret}}}" },
                }
        );

        var (_, output) = await RunAsync(
            tool,
            """{"headers":{"authorization":"Bearer client","X-A":"b","Host":"elsewhere"}}"""
        );

        var headers = JsonElement.Parse(output.Text(DeltaKind.Body)).GetProperty("headers");
        Assert.Equal("Bearer s3cret", headers.GetProperty("Authorization").GetString());
        Assert.Equal("b", headers.GetProperty("X-A").GetString());
        Assert.Equal(server.Url.Authority, headers.GetProperty("Host").GetString());

        File.Delete(secret);
        var (result, _) = await RunAsync(tool, "{}");
        Assert.Equal("agent_error", result.Failure?.Code);
        Assert.DoesNotContain(secret, result.Failure!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OnlyTheHeaderLinesThatTheOwnerNamesArePassedOn()
    {
        await using var server = await EchoAsync();
        using var tool = Tool(server.Url, usual => usual with { PassHeaders = ["accept"] });

        var (_, output) = await RunAsync(
            tool,
            """{"headers":{"Accept":"a/b","Cookie":"c=d","Connection":"X-Y","X-Y":"z"}}"""
        );

        var headers = JsonElement.Parse(output.Text(DeltaKind.Body)).GetProperty("headers");
        Assert.Equal("a/b", headers.GetProperty("Accept").GetString());
        Assert.False(headers.TryGetProperty("Cookie", out _));
        Assert.False(headers.TryGetProperty("X-Y", out _));
    }

    [Fact]
    public async Task RedirectsAreToldNotFollowed()
    {
        var calls = 0;
        await using var server = await ScriptedServer.StartAsync(
            http =>
            {
                calls++;
                http.Response.StatusCode = 302;
                http.Response.Headers.Location =
                    http.Request.Path == "/base/own"
                        ? $"http://{http.Request.Host}/base/other?x=1"
                        : "http://169.254.169.254/latest";
                return Task.CompletedTask;
            },
            Token
        );
        using var tool = Tool(new Uri(server.Url, "/base/"));

        var (_, own) = await RunAsync(tool, """{"path":"/own"}""");
        var (_, foreign) = await RunAsync(tool, """{"path":"/foreign"}""");

        Assert.Equal(["/other?x=1"], Values(Head(own), "Location"));
        Assert.Equal(["http://169.254.169.254/latest"], Values(Head(foreign), "Location"));
        Assert.Equal(2, calls);
    }

    [Fact]
    public void ClientsAreNotToldWhereInAPrivateNetworkAToolIs()
    {
        var why = new HttpRequestException("wiki is at 10.0.0.5", new ToolNetworkException("wiki is at 10.0.0.5"));

        var failure = ToolFailure.Broken("wiki", why, isRepeatable: false);

        Assert.Equal("agent_error", failure.Code);
        Assert.DoesNotContain("10.0.0.5", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.1.2.3", false)]
    [InlineData("172.31.0.1", false)]
    [InlineData("192.168.0.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::ffff:10.0.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("::", false)]
    [InlineData("fd00::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("64:ff9b::a00:1", false)]
    [InlineData("10.9.0.1", true)]
    [InlineData("93.184.216.34", true)]
    [InlineData("2606:2800::1", true)]
    public void PrivateAddressesAreThoseThatAreListed(string address, bool isAllowed)
    {
        var tool = new ToolAddress(Usual(new Uri("http://wiki")) with { Networks = [IPNetwork.Parse("10.9.0.0/16")] });

        Assert.Equal(isAllowed, tool.Allows(IPAddress.Parse(address)));
    }

    [Theory]
    [InlineData("GET", true)]
    [InlineData("POST", false)]
    public async Task AToolThatBreaksOffMayHaveActed(string method, bool mayBeTriedAgain)
    {
        await using var server = await ScriptedServer.StartAsync(
            http =>
            {
                http.Abort();
                return Task.CompletedTask;
            },
            Token
        );
        using var tool = Tool(server.Url);

        var (result, _) = await RunAsync(tool, $$"""{"method":"{{method}}"}""");

        Assert.Equal("tool_unreachable", result.Failure?.Code);
        Assert.Equal(mayBeTriedAgain, result.Failure?.Retryable);
    }

    [Fact]
    public async Task AToolThatIsNotThereHasDoneNothing()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        using var tool = Tool(new Uri($"http://127.0.0.1:{port}"));

        var (result, _) = await RunAsync(tool, """{"method":"POST"}""");

        Assert.Equal("tool_unreachable", result.Failure?.Code);
        Assert.True(result.Failure?.Retryable);
        Assert.DoesNotContain(
            port.ToString(System.Globalization.CultureInfo.InvariantCulture),
            result.Failure!.Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnAnswerLargerThanAllowedEnds(bool saysSo)
    {
        await using var server = await ScriptedServer.StartAsync(
            async http =>
            {
                if (saysSo)
                {
                    http.Response.ContentLength = 200_000;
                }

                await http.Response.Body.WriteAsync(new byte[200_000], http.RequestAborted);
            },
            Token
        );
        using var tool = Tool(server.Url, usual => usual with { LongestAnswerBytes = 100_000 });

        var (result, output) = await RunAsync(tool, "{}");

        Assert.Equal("response_too_large", result.Failure?.Code);
        Assert.InRange(output.Text(DeltaKind.Body).Length, 0, 100_000);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ASilentToolIsLate(bool hasBegun)
    {
        await using var server = await ScriptedServer.StartAsync(
            async http =>
            {
                if (hasBegun)
                {
                    await http.Response.WriteAsync("begun", http.RequestAborted);
                }

                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted)
                    .ContinueWith(static _ => { }, TaskScheduler.Default);
            },
            Token
        );
        using var tool = Tool(
            server.Url,
            usual =>
                usual with
                {
                    AnswerWithin = TimeSpan.FromMilliseconds(300),
                    Stall = TimeSpan.FromMilliseconds(300),
                }
        );

        var (result, output) = await RunAsync(tool, "{}");

        Assert.Equal("tool_timeout", result.Failure?.Code);
        Assert.Equal(hasBegun ? "begun" : "", output.Text(DeltaKind.Body));
    }

    [Theory]
    [InlineData("http://user:pw@127.0.0.1/")]
    [InlineData("http://127.0.0.1/?x=1")]
    [InlineData("ftp://127.0.0.1/")]
    public void AnAddressThatIsNoneIsRefusedAtTheStart(string url) =>
        Assert.Throws<ArgumentException>(() => Tool(new Uri(url)));

    [Fact]
    public async Task TheFileOfToolsSaysWhatEachMay()
    {
        var path = Path.Combine(_folder.FullName, "tools.json");
        await File.WriteAllTextAsync(
            path,
            """
            {"wiki":{"url":"http://10.0.0.5:8080/w","methods":["get"],"paths":["/a*"],"stall":5}, // Ours.
             "b":{"url":"https://b.example","networks":["10.0.0.0/8"]},}
            """,
            Token
        );

        var tools = HttpTools.Read(path, Usual(new Uri("http://x")));

        Assert.Equal(["wiki", "b"], tools.Select(tool => tool.Name));
        Assert.Equal(["GET"], tools[0].Methods);
        Assert.Equal(TimeSpan.FromSeconds(5), tools[0].Stall);
        Assert.Single(tools[1].Networks);
    }

    [Theory]
    [InlineData("""{"a":{"url":"http://x","mehtods":["GET"]}}""")]
    [InlineData("""{"a":{"methods":["GET"]}}""")]
    [InlineData("""{"a":{"url":"http://x","networks":["10"]}}""")]
    [InlineData("""{"a":{"url":"http://x","stall":0}}""")]
    [InlineData("[]")]
    [InlineData("")]
    public async Task AFileThatIsNoneSaysWhy(string text)
    {
        var path = Path.Combine(_folder.FullName, "tools.json");
        await File.WriteAllTextAsync(path, text, Token);

        Assert.Contains(
            path,
            Assert.Throws<InvalidDataException>(() => HttpTools.Read(path, Usual(new Uri("http://x")))).Message,
            StringComparison.Ordinal
        );
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static HttpToolOptions Usual(Uri url) => new() { Name = "tool", Url = url };

    private static HttpToolBackend Tool(Uri url, Func<HttpToolOptions, HttpToolOptions>? change = null) =>
        new((change ?? (static same => same))(Usual(url)), TimeProvider.System, NullLogger<HttpToolBackend>.Instance);

    private static async Task<(WorkResult Result, RecordingOutput Output)> RunAsync(HttpToolBackend tool, string call)
    {
        var output = new RecordingOutput();
        var result = await tool.RunAsync(Work.Of("http", call, "tool"), output, Token);
        return (result, output);
    }

    private static HttpHead Head(RecordingOutput output) =>
        JsonSerializer.Deserialize(output.Text(DeltaKind.Head), ProtocolJson.Default.HttpHead)!;

    private static IEnumerable<string> Values(HttpHead head, string name) =>
        head.Headers!.Where(field => field.Name == name).Select(field => field.Value);

    private static Task<ScriptedServer> EchoAsync() =>
        ScriptedServer.StartAsync(
            async http =>
            {
                using var reader = new StreamReader(http.Request.Body, Encoding.UTF8);
                var body = await reader.ReadToEndAsync(http.RequestAborted);
                http.Response.StatusCode = 201;
                http.Response.Headers["X-Tool"] = "yes";
                http.Response.Headers["Set-Cookie"] = new(["c=1", "d=2"]);
                var target = http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
                await http.Response.WriteAsync(
                    JsonSerializer.Serialize(
                        new
                        {
                            method = http.Request.Method,
                            target,
                            body,
                            headers = http.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString()),
                        }
                    ),
                    http.RequestAborted
                );
            },
            Token
        );
}
