using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Keys;

/// <summary>Makes, lists and ends keys; for admins.</summary>
internal sealed class KeyEndpoints(KeyStore keys, KeyUsage usage, Dialects dialects)
{
    private const int MostNameCharacters = 100;
    private const int MostPerMinute = 1_000_000;
    private const int MostRunning = 100_000;

    /// <summary>Adds the slice's parts.</summary>
    public static void Add(IServiceCollection services) =>
        services
            .AddSingleton<KeyStore>()
            .AddSingleton<KeyCheck>()
            .AddSingleton<Strangers>()
            .AddSingleton<KeyEndpoints>()
            .AddSingleton<Sessions>()
            .AddSingleton<SessionEndpoints>()
            .AddSingleton<KeyUsage>()
            .AddSingleton(static services => services.GetRequiredService<KeyUsage>().Loop)
            .AddHostedService(static services => services.GetRequiredService<KeyUsage>());

    /// <summary>Adds the slice's routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<KeyEndpoints>();
        routes.MapPost("/v1/keys", endpoints.CreateAsync);
        routes.MapGet("/v1/keys", endpoints.ListAsync);
        routes.MapPatch("/v1/keys/{id}", endpoints.ChangeAsync);
        routes.MapDelete("/v1/keys/{id}", endpoints.DeleteAsync);
        SessionEndpoints.Map(routes);
    }

    private async Task CreateAsync(HttpContext http)
    {
        RequireAdmin(http);
        var wanted = await RequestBody.ReadAsync(http, ProtocolJson.Default.CreateKey);
        CheckName(wanted.Name);
        Check(
            wanted.Role is null or KeyRoles.Admin or KeyRoles.Viewer or KeyRoles.Client,
            "role",
            "must be \"client\", \"viewer\" or \"admin\""
        );
        CheckLimits(wanted.RequestsPerMinute, wanted.MaxRunning);
        Check(wanted.ExpiresIn is null or (>= 1 and <= 1e9), "expires_in", "must be seconds from now, at least 1");
        var made = await keys.CreateAsync(wanted, http.RequestAborted);
        http.Response.Headers.CacheControl = "no-store";
        await JsonReply.WriteAsync(http, made, ProtocolJson.Default.KeyDocument, StatusCodes.Status201Created);
    }

    private Task ListAsync(HttpContext http)
    {
        RequireAdmin(http);
        var list = new KeyList([.. keys.List().Select(Describe)]);
        return JsonReply.WriteAsync(http, list, ProtocolJson.Default.KeyList);
    }

    private async Task ChangeAsync(HttpContext http)
    {
        RequireAdmin(http);
        var wanted = await RequestBody.ReadAsync(http, ProtocolJson.Default.ChangeKey);
        var perMinute = LimitOf(wanted.RequestsPerMinute, "requests_per_minute");
        var running = LimitOf(wanted.MaxRunning, "max_running");
        CheckLimits(perMinute.Limit, running.Limit);
        if (wanted.Name is { } name)
        {
            CheckName(name);
        }

        var id = (string)http.Request.RouteValues["id"]!;
        var changed = await keys.ChangeAsync(
            id,
            key =>
                key with
                {
                    Name = wanted.Name ?? key.Name,
                    RequestsPerMinute = perMinute.IsGiven ? perMinute.Limit : key.RequestsPerMinute,
                    MaxRunning = running.IsGiven ? running.Limit : key.MaxRunning,
                },
            http.RequestAborted
        );
        await (
            changed is null
                ? dialects.WriteAsync(http, Unknown(id))
                : JsonReply.WriteAsync(http, Describe(changed), ProtocolJson.Default.KeyDocument)
        );
    }

    private async Task DeleteAsync(HttpContext http)
    {
        RequireAdmin(http);
        var id = (string)http.Request.RouteValues["id"]!;
        switch (await keys.DeleteAsync(id, http.RequestAborted))
        {
            case DeleteOutcome.NotFound:
                await dialects.WriteAsync(http, Unknown(id));
                break;
            case DeleteOutcome.LastAdmin:
                const string Message = "this is the last admin key; make another before you delete it";
                await dialects.WriteAsync(http, new DoorError(409, "last_admin_key", Message));
                break;
            default:
                http.Response.StatusCode = StatusCodes.Status204NoContent;
                break;
        }
    }

    private KeyDocument Describe(KeyRecord key) => KeyStore.Describe(key) with { Usage = usage.Of(key.Id) };

    private static DoorError Unknown(string id) =>
        new(404, "key_not_found", $"there is no key \"{DoorError.Quote(id)}\"");

    // Left out, it stays as it is; null lifts it.
    private static (bool IsGiven, int? Limit) LimitOf(JsonElement given, string member)
    {
        var limit = 0;
        Check(
            given.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null
                || (given.ValueKind == JsonValueKind.Number && given.TryGetInt32(out limit)),
            member,
            "must be a number, or null for no limit"
        );
        return (given.ValueKind != JsonValueKind.Undefined, given.ValueKind == JsonValueKind.Number ? limit : null);
    }

    private static void CheckName(string name) =>
        Check(name.Length is >= 1 and <= MostNameCharacters, "name", $"must have 1 to {MostNameCharacters} characters");

    private static void CheckLimits(int? requestsPerMinute, int? maxRunning)
    {
        Check(
            requestsPerMinute is null or (>= 1 and <= MostPerMinute),
            "requests_per_minute",
            $"must be 1 to {MostPerMinute}"
        );
        Check(maxRunning is null or (>= 1 and <= MostRunning), "max_running", $"must be 1 to {MostRunning}");
    }

    private static void RequireAdmin(HttpContext http)
    {
        if (!http.GetCaller().IsAdmin)
        {
            throw new RejectedException(DoorError.AdminOnly);
        }
    }

    private static void Check(bool holds, string member, string rule)
    {
        if (!holds)
        {
            throw new RejectedException(DoorError.BadRequest($"\"{member}\" {rule}", member));
        }
    }
}
