using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Backends;
using Pollard.Agent.Tests.Backends;
using Pollard.Agent.Tests.TaskServers;
using Pollard.Protocol.HostLink;
using Pollard.Testing;

namespace Pollard.Agent.Tests.Connections;

/// <summary>Agents of a task server behind TLS of its owner's own and behind proxies, and tools that are.</summary>
public sealed class WayOutTests : IDisposable
{
    private readonly PrivateAuthority _authority = new();
    private readonly PrivateAuthority _other = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-way-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _authority.Dispose();
        _other.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task AServerIsBelievedByTheAuthorityThatIsNamed()
    {
        await using var server = await TaskServer.StartAsync();
        await using var front = await FrontAsync(server.Url);
        server.Put("t1");
        await using var agent = new TaskAgent(
            new Uri(front.Urls.First()),
            new ReadyBackend(),
            options => options with { CertificateAuthorities = _authority.Authorities }
        );

        Assert.Equal("t1", (await server.ResultAsync()).GetProperty("taskId").GetString());
    }

    [Fact]
    public async Task AServerThatAnotherHasSignedIsNotBelieved()
    {
        await using var server = await TaskServer.StartAsync();
        await using var front = await FrontAsync(server.Url);
        await using var agent = new TaskAgent(
            new Uri(front.Urls.First()),
            new ReadyBackend(),
            options => options with { CertificateAuthorities = _other.Authorities }
        );

        var status = await agent.UntilAsync(static status => status.Problems.Count > 0);

        Assert.Contains("certificate", status.Problems[0].Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, server.FetchCount);
    }

    [Theory]
    [InlineData("")]
    [InlineData("user:pass word")]
    public async Task EveryRequestGoesByTheProxyThatIsNamed(string user)
    {
        await using var server = await TaskServer.StartAsync();
        await using var front = await FrontAsync(server.Url);
        await using var proxy = new ForwardProxy { User = user.Length > 0 ? user : null };
        server.Put("t1");
        var named = new UriBuilder(proxy.Url) { UserName = "user", Password = "pass%20word" }.Uri;
        await using var agent = new TaskAgent(
            new Uri(front.Urls.First()),
            new ReadyBackend(),
            options =>
                options with
                {
                    CertificateAuthorities = _authority.Authorities,
                    Proxy = user.Length > 0 ? named : proxy.Url,
                }
        );

        await server.ResultAsync();

        Assert.NotEmpty(proxy.Requests);
        Assert.All(
            proxy.Requests,
            request =>
                Assert.StartsWith(
                    $"CONNECT {new Uri(front.Urls.First()).Authority} ",
                    request,
                    StringComparison.Ordinal
                )
        );
    }

    [Fact]
    public async Task AProxyIsUsedInTheClearToo()
    {
        await using var server = await TaskServer.StartAsync();
        await using var proxy = new ForwardProxy();
        server.Put("t1");
        await using var agent = new TaskAgent(
            server.Url,
            new ReadyBackend(),
            options => options with { Proxy = proxy.Url }
        );

        await server.ResultAsync();

        Assert.Contains(
            proxy.Requests,
            request => request.Contains($" {server.Url}get-task ", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AToolIsBelievedByItsAuthorityAlsoBehindAProxy(bool hasProxy)
    {
        await using var target = await ScriptedServer.SayAsync("text/plain", "inside", Token);
        await using var front = await FrontAsync(target.Url);
        await using var proxy = new ForwardProxy();
        var file = Path.Combine(_folder.FullName, "ca.pem");
        await File.WriteAllTextAsync(file, _authority.Pem, Token);
        using var tool = new HttpToolBackend(
            new HttpToolOptions
            {
                Name = "wiki",
                Url = new Uri(front.Urls.First()),
                CertificateAuthority = file,
                Proxy = hasProxy ? proxy.Url : null,
            },
            TimeProvider.System,
            NullLogger<HttpToolBackend>.Instance
        );
        var offer = new Messages.Offer
        {
            Attempt = "a",
            Task = "t",
            Kind = "http",
            Model = "wiki",
        };
        var output = new RecordingOutput();

        var result = await tool.RunAsync(new WorkItem(offer, """{"path":"/"}"""u8.ToArray()), output, Token);

        Assert.Null(result.Failure?.Message);
        Assert.Equal("inside", output.Text(DeltaKind.Body));
        Assert.Equal(hasProxy ? 1 : 0, proxy.Requests.Count);
    }

    [Fact]
    public async Task AFileWithoutACertificateIsNone()
    {
        var file = Path.Combine(_folder.FullName, "ca.pem");
        await File.WriteAllTextAsync(file, "nothing here", Token);
        var options = new HttpToolOptions
        {
            Name = "wiki",
            Url = new Uri("https://localhost"),
            CertificateAuthority = file,
        };

        Assert.Throws<IOException>(() =>
            new HttpToolBackend(options, TimeProvider.System, NullLogger<HttpToolBackend>.Instance)
        );
    }

    /// <summary>TLS in front of a server.</summary>
    private async Task<WebApplication> FrontAsync(Uri server)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(_authority.Server))
        );
        var app = builder.Build();
        var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        app.Run(http => PassAsync(http, client, server));
        app.Lifetime.ApplicationStopped.Register(client.Dispose);
        await app.StartAsync(Token);
        return app;
    }

    private static async Task PassAsync(HttpContext http, HttpClient client, Uri server)
    {
        using var request = new HttpRequestMessage(
            new HttpMethod(http.Request.Method),
            new Uri(server, http.Request.Path.Value)
        );
        if (http.Request.ContentLength > 0)
        {
            request.Content = new StreamContent(http.Request.Body);
        }

        using var response = await client.SendAsync(request, http.RequestAborted);
        http.Response.StatusCode = (int)response.StatusCode;
        await response.Content.CopyToAsync(http.Response.Body, http.RequestAborted);
    }
}
