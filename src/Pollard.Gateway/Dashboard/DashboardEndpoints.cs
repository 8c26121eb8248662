using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Dashboard;

/// <summary>The dashboard: its page, and what the page is told.</summary>
internal static class DashboardEndpoints
{
    /// <summary>Adds the slice's parts.</summary>
    public static void Add(IServiceCollection services) =>
        services
            .AddSingleton<DashboardFiles>()
            .AddSingleton<OverviewBook>()
            .AddSingleton<OverviewMaker>()
            .AddSingleton<OverviewFeed>()
            .AddSingleton(static provider => provider.GetRequiredService<OverviewFeed>().Loop)
            .AddSingleton<OverviewEndpoints>()
            .AddHostedService(static provider => provider.GetRequiredService<OverviewFeed>());

    /// <summary>Adds the slice's routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var files = routes.ServiceProvider.GetRequiredService<DashboardFiles>();
        routes.MapGet(DashboardFiles.Prefix + "/{**file}", files.ShowAsync).WithMetadata(OpenToAll.Mark).ForViewers();
        var overview = routes.ServiceProvider.GetRequiredService<OverviewEndpoints>();
        routes.MapGet("/v1/overview", overview.ShowAsync).ForViewers();
        routes.MapGet("/v1/overview/history", overview.ShowHistoryAsync).ForViewers();
        routes.MapGet("/v1/overview/events", overview.FollowAsync).ForViewers();
        routes.MapGet("/v1/settings", overview.ShowSettingsAsync);
    }
}
