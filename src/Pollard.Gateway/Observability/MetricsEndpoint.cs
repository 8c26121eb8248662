using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Observability;

/// <summary>The figures of this process as Prometheus reads them, at <c>/metrics</c>: its text format, or OpenMetrics where that is asked for.</summary>
internal static class MetricsEndpoint
{
    public const string Path = "/metrics";

    /// <summary>Adds the route where something is counted.</summary>
    public static void Map(WebApplication app)
    {
        if (app.Services.GetService<Telemetry>() is not { } telemetry)
        {
            return;
        }

        app.MapPrometheusScrapingEndpoint(
                Path,
                telemetry.Meters,
                static branch => branch.Use(static next => http => AnswerAsync(http, next)),
                optionsName: null
            )
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]));
    }

    private static Task AnswerAsync(HttpContext http, RequestDelegate next) =>
        http.GetCaller().IsAdmin ? next(http) : throw new RejectedException(DoorError.AdminOnly);
}
