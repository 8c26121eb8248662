using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Pollard.Agent.Tests.Backends;

/// <summary>A server that answers as a test tells it, for answers that no simulator gives.</summary>
internal sealed class ScriptedServer(WebApplication app) : IAsyncDisposable
{
    public Uri Url => new(app.Urls.First());

    public static async Task<ScriptedServer> StartAsync(RequestDelegate answer, CancellationToken ct)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.Run(answer);
        await app.StartAsync(ct);
        return new(app);
    }

    public static Task<ScriptedServer> SayAsync(string contentType, string body, CancellationToken ct) =>
        StartAsync(
            async http =>
            {
                http.Response.ContentType = contentType;
                await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body), http.RequestAborted);
            },
            ct
        );

    public static Task<ScriptedServer> RefuseAsync(int status, string body, CancellationToken ct) =>
        StartAsync(
            async http =>
            {
                http.Response.StatusCode = status;
                await http.Response.WriteAsync(body, http.RequestAborted);
            },
            ct
        );

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
