using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>What Andy hosts call: they join, ping, ask for work, bring it back and leave. Once joined, a host's id at its own address is all that it shows.</summary>
internal sealed class AndyEndpoints(AndyHosts hosts, AndyAccess access, IHostApplicationLifetime lifetime)
{
    private const int PingSeconds = 15;
    private const string MadeUpId = "host_"; // What the oldest programs say when they leave, before the host's name.

    /// <summary>Adds the parts.</summary>
    public static void Add(IServiceCollection services) =>
        services
            .AddSingleton<AndyHosts>()
            .AddSingleton<AndyAccess>()
            .AddSingleton<AndyEndpoints>()
            .AddSingleton<AndyPoolStatus>()
            .AddSingleton<AndySockets>()
            .AddSingleton<AndyClients>()
            .AddSingleton(static provider => provider.GetRequiredService<AndyHosts>().Loop);

    /// <summary>Adds the routes, below each prefix.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<AndyEndpoints>();
        var status = routes.ServiceProvider.GetRequiredService<AndyPoolStatus>();
        AndySockets.Map(routes);
        foreach (var prefix in AndyPrefix.All)
        {
            Post("join_pool", endpoints.JoinAsync);
            Post("ping_pool", endpoints.PingAsync);
            Post("check_for_work", http => endpoints.AskAsync(http, prefix, isLong: false));
            Post("poll_for_work", http => endpoints.AskAsync(http, prefix, isLong: true));
            Post("submit_work_result", endpoints.SubmitAsync);
            Post("leave_pool", endpoints.LeaveAsync);
            routes.MapGet($"{prefix.Path}/pool_status", status.ShowAsync).WithMetadata(OpenToStrangers.Mark);
            routes
                .MapPost($"{prefix.Path}/admin/model_discovery", endpoints.DiscoverAsync)
                .WithMetadata(OpenToStrangers.Mark);

            void Post(string name, RequestDelegate answer) =>
                routes.MapPost($"{prefix.Path}/{name}", answer).WithMetadata(OpenToAll.Mark);
        }
    }

    private async Task JoinAsync(HttpContext http)
    {
        using var body = await ReadAsync(http, AndyLimits.RequestBytes);
        var token = body.RootElement.Text("client_token") ?? AndyAccess.TokenOf(http.Request);
        if (await access.RefusalAsync(http, token) is { } refusal)
        {
            throw new RejectedException(new DoorError(401, "invalid_client_token", refusal));
        }

        var (host, objection) = hosts.Join(CallerAddress.Of(http), token, AndyProfile.Read(body.RootElement));
        if (host is null)
        {
            throw new RejectedException(objection!);
        }

        await JsonReply.WriteAsync(
            http,
            (host.Id, hosts.Count),
            static (json, it) =>
            {
                json.WriteStartObject();
                json.WriteString("host_id"u8, it.Id);
                json.WriteString("status"u8, "joined"u8);
                json.WriteNumber("pool_size"u8, it.Count);
                json.WriteNumber("ping_interval"u8, PingSeconds);
                json.WriteEndObject();
            }
        );
    }

    private async Task PingAsync(HttpContext http)
    {
        RequireHosts(http);
        using var body = await ReadAsync(http, AndyLimits.RequestBytes);
        var host = Find(http, body.RootElement);
        host.Touch();
        TakeModels(host, body.RootElement);
        await SayAsync(http, "ok");
    }

    private async Task AskAsync(HttpContext http, AndyPrefix prefix, bool isLong)
    {
        RequireHosts(http);
        AndyHost host;
        TimeSpan hold;
        using (var body = await ReadAsync(http, AndyLimits.RequestBytes))
        {
            host = Find(http, body.RootElement);
            host.Touch();
            TakeModels(host, body.RootElement);
            hold = isLong ? HoldOf(body.RootElement) : AndyLimits.HoldShort;
        }

        if (host.StartListing() is { } listing)
        {
            await JsonReply.WriteAsync(http, listing, WriteListing);
            return;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(
            http.RequestAborted,
            lifetime.ApplicationStopping
        );
        while (await host.TakeAsync(hold, over.Token) is { } work)
        {
            if (await GiveAsync(http, host, work, prefix, isWrapped: isLong))
            {
                return;
            }

            hold = TimeSpan.Zero; // It could not do that one; what else there is, is there already.
        }

        http.RequestAborted.ThrowIfCancellationRequested();
        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>Answers with the work; false when the host cannot do it, or nobody wants it any more.</summary>
    private static async Task<bool> GiveAsync(
        HttpContext http,
        AndyHost host,
        AndyWork work,
        AndyPrefix prefix,
        bool isWrapped
    )
    {
        if (work.IsOver)
        {
            host.Return(work.Id);
            return false;
        }

        try
        {
            var (json, objection) = AndyWorkItem.Write(work, host.ModelOf(work.Attempt.Model), prefix, isWrapped);
            if (objection is not null)
            {
                host.Object(work, objection);
                return false;
            }

            http.Response.ContentType = JsonReply.Type;
            http.Response.ContentLength = json.Length;
            await http.Response.BodyWriter.WriteAsync(json, http.RequestAborted);
            var flushed = await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
            if (flushed.IsCompleted || http.RequestAborted.IsCancellationRequested)
            {
                // A write that was under way ends as if all were well; only the next one tells that nobody reads.
                throw new IOException("the host's connection broke", new ConnectionAbortedException());
            }
        }
        catch
        {
            host.TakeBack(work, "the host broke off before it had the work");
            throw;
        }

        work.Attempt.Accept();
        return true;
    }

    private async Task SubmitAsync(HttpContext http)
    {
        if (!HasHosts(http))
        {
            await SayAsync(http, "ok"); // Nothing of it could count: so much is read of hosts only.
            return;
        }

        using var body = await ReadAsync(http, AndyLimits.ResultBytes);
        var id = body.RootElement.Word("work_id");
        foreach (var host in id is null ? [] : hosts.At(CallerAddress.Of(http)))
        {
            if (host.TakeListing(id, body.RootElement))
            {
                break;
            }

            if (host.Return(id!) is { } work)
            {
                host.Touch();
                AndyResult.Take(work.Attempt, body.RootElement);
                host.Inform();
                break;
            }
        }

        // Also when it is known to nobody, came too late or a second time: no host ever tries again, and none can mend it.
        await SayAsync(http, "ok");
    }

    private async Task LeaveAsync(HttpContext http)
    {
        if (!HasHosts(http))
        {
            await SayAsync(http, "left"); // A goodbye of nobody.
            return;
        }

        using var body = await ReadAsync(http, AndyLimits.RequestBytes);
        var address = CallerAddress.Of(http);
        var id = body.RootElement.Word("host_id");
        if (hosts.Find(address, id) is { } host)
        {
            hosts.Leave(host);
        }
        else if (id?.StartsWith(MadeUpId, StringComparison.Ordinal) == true)
        {
            foreach (var named in hosts.At(address).Where(named => named.Profile.Name == id[MadeUpId.Length..]))
            {
                hosts.Leave(named);
            }
        }

        await SayAsync(http, "left");
    }

    private Task DiscoverAsync(HttpContext http)
    {
        var asked = hosts.List().Count(static host => host.AskToList());
        return JsonReply.WriteAsync(
            http,
            asked,
            static (json, asked) =>
            {
                json.WriteStartObject();
                json.WriteString("status"u8, "ok"u8);
                json.WriteNumber("hosts_asked"u8, asked);
                json.WriteEndObject();
            }
        );
    }

    private AndyHost Find(HttpContext http, JsonElement body) =>
        hosts.Find(CallerAddress.Of(http), body.Word("host_id")) ?? throw Unknown();

    /// <summary>Reads nothing of an address that has no host.</summary>
    private void RequireHosts(HttpContext http)
    {
        if (!HasHosts(http))
        {
            throw Unknown();
        }
    }

    /// <summary>True for an address that has hosts.</summary>
    /// <exception cref="RejectedException">It calls too often.</exception>
    private bool HasHosts(HttpContext http) =>
        hosts.MayCall(CallerAddress.Of(http)) switch
        {
            true => true,
            null => false,
            false => throw new RejectedException(AndyLimits.CallsTooOften),
        };

    private static RejectedException Unknown() =>
        new(new DoorError(404, "host_not_found", "no such host is registered from this address; join again"));

    private static void TakeModels(AndyHost host, JsonElement body)
    {
        if (AndyModels.Read(body, host.Profile.Abilities) is { } models)
        {
            host.SetModels(models);
        }
    }

    private static TimeSpan HoldOf(JsonElement body)
    {
        if (
            body.Member("timeout") is not { ValueKind: JsonValueKind.Number } said
            || !said.TryGetDouble(out var seconds)
            || !double.IsFinite(seconds)
        )
        {
            return AndyLimits.HoldUnsaid;
        }

        var hold = TimeSpan.FromSeconds(Math.Clamp(seconds, 0, 3600)) - AndyLimits.HoldMargin;
        return hold < TimeSpan.Zero ? TimeSpan.Zero
            : hold < AndyLimits.HoldMost ? hold
            : AndyLimits.HoldMost;
    }

    private static async Task<JsonDocument> ReadAsync(HttpContext http, int most)
    {
        if (await BodyReader.ReadAsync(http.Request, most, http.RequestAborted) is not { } bytes)
        {
            throw new RejectedException(
                new DoorError(413, "body_too_large", $"the body has at most {most} bytes here")
            );
        }

        return LooseJson.Parse(bytes)
            ?? throw new RejectedException(DoorError.BadRequest("the body is no JSON object", code: "invalid_json"));
    }

    private static Task SayAsync(HttpContext http, string status) =>
        JsonReply.WriteAsync(
            http,
            status,
            static (json, status) =>
            {
                json.WriteStartObject();
                json.WriteString("status"u8, status);
                json.WriteEndObject();
            }
        );

    private static void WriteListing(Utf8JsonWriter json, string workId)
    {
        json.WriteStartObject();
        json.WriteString("work_id"u8, workId);
        json.WriteString("task_type"u8, "model_discovery"u8);
        json.WriteString("work_type"u8, "model_discovery"u8);
        json.WriteEndObject();
    }
}
