using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Observability;

/// <summary>Whether the gateway lives, and whether it can take work.</summary>
internal sealed class HealthEndpoints(TaskEngine engine, TimeProvider time)
{
    private static readonly TimeSpan Late = TimeSpan.FromMinutes(10); // Ten times the longest interval of any loop.

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

    private Task ReadyAsync(HttpContext http)
    {
        var statistics = engine.Statistics;
        var late = statistics
            .LastRan.Where(loop => time.GetUtcNow() - loop.Value > Late)
            .Select(loop => loop.Key)
            .ToList();
        var ready = statistics.Store.Writable && late.Count == 0;
        http.Response.StatusCode = ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return JsonReply.WriteAsync(
            http,
            (statistics, late, ready),
            static (json, it) =>
            {
                json.WriteStartObject();
                json.WriteString("status"u8, it.ready ? "ready" : "not_ready");
                json.WriteStartObject("store"u8);
                json.WriteBoolean("writable"u8, it.statistics.Store.Writable);
                json.WriteNumber("backlog"u8, it.statistics.StoreBacklog);
                if (it.statistics.Store.Reason is { } reason)
                {
                    json.WriteString("reason"u8, reason);
                }

                json.WriteEndObject();
                json.WriteStartObject("loops"u8);
                foreach (var (name, lastRan) in it.statistics.LastRan)
                {
                    json.WriteStartObject(name);
                    var at = lastRan.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
                    json.WriteString("last_ran"u8, at);
                    json.WriteBoolean("late"u8, it.late.Contains(name, StringComparer.Ordinal));
                    json.WriteEndObject();
                }

                json.WriteEndObject();
                json.WriteEndObject();
            }
        );
    }
}
