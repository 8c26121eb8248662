using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Configuration;

namespace Pollard.Bench.Roles;

/// <summary>YARP as its guide sets it up, in front of one server: what a .NET proxy costs that keeps nothing.</summary>
internal static class YarpProxy
{
    /// <summary>Serves until it is told to stop.</summary>
    public static async Task RunAsync(int port, int to)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port));
        var route = new RouteConfig
        {
            RouteId = "all",
            ClusterId = "model",
            Match = new RouteMatch { Path = "{**rest}" },
        };
        var address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{to}");
        var cluster = new ClusterConfig
        {
            ClusterId = "model",
            Destinations = new Dictionary<string, DestinationConfig>(StringComparer.Ordinal)
            {
                ["one"] = new() { Address = address },
            },
        };
        builder.Services.AddReverseProxy().LoadFromMemory([route], [cluster]);
        await using var app = builder.Build();
        app.MapReverseProxy();
        await app.StartAsync(CancellationToken.None);
        await Role.ReadyAsync(CancellationToken.None);
    }
}
