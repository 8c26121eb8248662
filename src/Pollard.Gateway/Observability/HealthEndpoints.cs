using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Observability;

/// <summary>Whether the gateway lives, and whether it can take work.</summary>
internal sealed class HealthEndpoints(TaskEngine engine, IEnumerable<BackgroundLoop> gatewayLoops)
{
    private readonly BackgroundLoop[] _loops = [.. gatewayLoops];

    /// <summary>Adds the slice's parts.</summary>
    public static void Add(IServiceCollection services) => services.AddSingleton<HealthEndpoints>();

    /// <summary>Adds the slice's routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<HealthEndpoints>();
        routes.MapGet("/healthz", LiveAsync).WithMetadata(OpenToAll.Mark);
        routes.MapGet("/readyz", endpoints.ReadyAsync).WithMetadata(OpenToAll.Mark);
    }

    private static Task LiveAsync(HttpContext http) => JsonReply.WriteAsync(http, """{"status":"ok"}"""u8.ToArray());

    private static string? Moment(DateTimeOffset? at) =>
        at?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private Task ReadyAsync(HttpContext http)
    {
        var statistics = engine.Statistics;
        List<LoopState> loops = [.. statistics.Loops, .. _loops.Select(loop => loop.Look())];
        var ready = statistics.Store.Writable && !loops.Any(loop => loop.IsLate);
        http.Response.StatusCode = ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return JsonReply.WriteAsync(
            http,
            (statistics, loops, ready),
            static (json, it) =>
            {
                json.WriteStartObject();
                json.WriteString("status"u8, it.ready ? "ready" : "not_ready");
                json.WriteStartObject("store"u8);
                json.WriteBoolean("writable"u8, it.statistics.Store.Writable);
                json.WriteNumber("backlog"u8, it.statistics.StoreBacklog);
                if (it.statistics.Store.Fault is { } fault)
                {
                    json.WriteString("reason"u8, StoreErrors.Of(fault).Message); // Anybody may ask: the paths are in the log.
                }

                json.WriteEndObject();
                json.WriteStartObject("loops"u8);
                foreach (var loop in it.loops)
                {
                    json.WriteStartObject(loop.Name);
                    json.WriteString("last_ran"u8, Moment(loop.LastRan));
                    json.WriteBoolean("late"u8, loop.IsLate);
                    json.WriteEndObject();
                }

                json.WriteEndObject();
                json.WriteEndObject();
            }
        );
    }
}
