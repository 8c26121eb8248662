using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A proxy that speaks HTTP/2 but hands bodies on only when they are whole: no stream gets through, what needs none does.</summary>
public sealed class BufferingProxyTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("requests", "ws")]
    [InlineData("requests", "turn")]
    [InlineData("answers", "turn")]
    [InlineData("bodies of answers", "ws")]
    [InlineData("bodies of answers", "turn")]
    public async Task Where_a_proxy_holds_bodies_back_another_carrier_carries_the_link(string held, string expected)
    {
        await using var gateway = await LinkGateway.StartAsync();
        gateway.BlocksSockets = expected == "turn";
        await using var proxy = await StartProxyAsync(gateway.Http2Port, held);
        gateway.Options.Http2Port = new Uri(
            proxy.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()
        ).Port;
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(
            gateway,
            backend,
            options => options with { Time = clock, DrainWithin = TimeSpan.Zero }
        );

        await TurnUntilAsync(
            clock,
            () => gateway.Registry.List() is [var host] && gateway.CarrierOf(host.Id) == expected
        );
        var task = await gateway.SubmitAsync();
        var run = await backend.NextAsync();
        await run.WriteAsync("through");
        run.Finish();
        var result = LinkGateway.ResultAsync(task);
        await TurnUntilAsync(clock, () => result.IsCompleted);

        Assert.Equal("through", await result);
        var stopping = agent.StopAsync();
        await TurnUntilAsync(clock, () => stopping.IsCompleted);
    }

    private static async Task TurnUntilAsync(FakeTimeProvider clock, Func<bool> isSo)
    {
        while (!isSo())
        {
            clock.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
        }
    }

    private static async Task<WebApplication> StartProxyAsync(int port, string held)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2)
        );
        builder.Services.AddSingleton(
            new HttpClient(new SocketsHttpHandler())
            {
                BaseAddress = new Uri($"http://127.0.0.1:{port}"),
                DefaultRequestVersion = HttpVersion.Version20,
                DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Timeout = Timeout.InfiniteTimeSpan,
            }
        );
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.Zero);
        var proxy = builder.Build();
        proxy.Run(http => ForwardAsync(http, proxy.Services.GetRequiredService<HttpClient>(), held));
        await proxy.StartAsync(Token);
        return proxy;
    }

    private static async Task ForwardAsync(HttpContext http, HttpClient client, string held)
    {
        using var request = new HttpRequestMessage(HttpMethod.Parse(http.Request.Method), http.Request.Path);
        request.Content =
            held == "requests"
                ? new ByteArrayContent(await WholeAsync(http.Request.Body, http.RequestAborted))
                : new StreamContent(http.Request.Body);
        foreach (
            var (name, value) in http.Request.Headers.Where(header =>
                header.Key.StartsWith("Pollard-", StringComparison.Ordinal)
            )
        )
        {
            request.Headers.Add(name, (string?)value);
        }

        using var answer = await client.SendAsync(
            request,
            held == "answers" ? HttpCompletionOption.ResponseContentRead : HttpCompletionOption.ResponseHeadersRead,
            http.RequestAborted
        );
        http.Response.StatusCode = (int)answer.StatusCode;
        await http.Response.StartAsync(http.RequestAborted);
        await http.Response.Body.FlushAsync(http.RequestAborted);
        await http.Response.Body.WriteAsync(
            await answer.Content.ReadAsByteArrayAsync(http.RequestAborted),
            http.RequestAborted
        );
    }

    private static async Task<byte[]> WholeAsync(Stream body, CancellationToken ct)
    {
        using var whole = new MemoryStream();
        await body.CopyToAsync(whole, ct);
        return whole.ToArray();
    }
}
