using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Tasks' events over WebSockets: one task's, or those of many that its client subscribes to.</summary>
internal sealed class TaskSockets(
    TaskFinder finder,
    GatewayOptions options,
    TimeProvider time,
    IHostApplicationLifetime lifetime
)
{
    /// <summary>Whether the key of a request would be taken now: one that has ended subscribes to nothing more.</summary>
    public Func<HttpRequest, bool> IsStillGood { get; set; } = static _ => true;

    /// <summary>Adds the routes. Only they pay for the upgrade.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var sockets = routes.ServiceProvider.GetRequiredService<TaskSockets>();
        Add("/v1/tasks/ws", sockets.ManyAsync);
        Add("/v1/tasks/{id}/ws", sockets.OneAsync);

        void Add(string path, RequestDelegate run)
        {
            var upgrade = routes.CreateApplicationBuilder();
            upgrade.UseWebSockets();
            upgrade.Run(run);
            routes.MapGet(path, upgrade.Build());
        }
    }

    private async Task OneAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        var reader = task.ReadEvents(TaskEvents.AfterOf(http.Request));
        using var socket = await EventSocket.AcceptAsync(http, options);
        await socket.RunAsync(
            ct => FollowAsync(socket, reader, ct),
            _ => ListenAsync(socket),
            lifetime.ApplicationStopping
        );
    }

    private async Task ManyAsync(HttpContext http)
    {
        using var socket = await EventSocket.AcceptAsync(http, options);
        var caller = http.GetCaller();
        await using var many = new TaskSubscriptions(
            socket,
            (id, ct) => finder.FindAsync(id, caller, ct),
            () => IsStillGood(http.Request),
            options.MaxWait,
            time
        );
        await socket.RunAsync(many.SendAsync, many.ListenAsync, lifetime.ApplicationStopping);
    }

    private static async Task<SocketEnd> FollowAsync(EventSocket socket, TaskEventReader reader, CancellationToken ct)
    {
        while (await reader.WaitAsync(Timeout.InfiniteTimeSpan, ct) != EventWait.Ended)
        {
            while (!ct.IsCancellationRequested && reader.TryRead(out var next))
            {
                EventWriter.Write(socket.Json, next);
                await socket.SendAsync();
            }
        }

        return SocketEnd.Done("the task has ended");
    }

    private static async Task<SocketEnd> ListenAsync(EventSocket socket)
    {
        var (_, end) = await socket.ReceiveAsync();
        return end ?? SocketEnd.Refused("this socket takes no messages; subscribe at /v1/tasks/ws");
    }
}
