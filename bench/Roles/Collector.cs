using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Pollard.Bench.Roles;

/// <summary>An OpenTelemetry collector that reads what it is sent, and keeps nothing.</summary>
internal static class Collector
{
    /// <summary>Serves until it is told to stop.</summary>
    public static async Task RunAsync(int port, CancellationToken ct)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port));
        await using var app = builder.Build();
        app.MapPost("/v1/{signal}", TakeAsync);
        await app.StartAsync(ct);
        await Role.ReadyAsync(ct);
    }

    private static async Task TakeAsync(HttpContext http)
    {
        await http.Request.Body.CopyToAsync(System.IO.Stream.Null, http.RequestAborted);
        http.Response.ContentType = "application/x-protobuf"; // An empty message: all was taken.
    }
}
