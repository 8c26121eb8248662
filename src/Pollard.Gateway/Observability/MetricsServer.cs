using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Pollard.Gateway.Observability;

/// <summary>Shows the figures of a process that has no other door: <c>/metrics</c>, and nothing else.</summary>
public sealed class MetricsServer : IAsyncDisposable
{
    private const int MostConnections = 100;
    private readonly WebApplication _app;

    private MetricsServer(WebApplication app) => _app = app;

    /// <summary>Where it is, with the port that was taken.</summary>
    public Uri Address =>
        new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>Starts to serve. Whoever reaches the address may read.</summary>
    /// <param name="at">The address.</param>
    /// <param name="telemetry">What is counted; it stays the caller's.</param>
    /// <param name="cancellationToken">Gives up the start.</param>
    /// <exception cref="IOException">The address is taken.</exception>
    public static async Task<MetricsServer> StartAsync(
        IPEndPoint at,
        Telemetry telemetry,
        CancellationToken cancellationToken
    )
    {
        var builder = WebApplication.CreateEmptyBuilder(
            new WebApplicationOptions { ApplicationName = "Pollard.Metrics" }
        );
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = MostConnections;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Listen(at);
        });
        var app = builder.Build();
        app.UseRouting();
        app.MapPrometheusScrapingEndpoint(
            MetricsEndpoint.Path,
            telemetry.Meters,
            configureBranchedPipeline: null,
            optionsName: null
        );
        try
        {
            await app.StartAsync(cancellationToken);
            return new MetricsServer(app);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
