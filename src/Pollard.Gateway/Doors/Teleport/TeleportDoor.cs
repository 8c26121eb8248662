using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Gateway.Requests;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Doors.Teleport;

/// <summary>
/// Calls of tools in networks that nobody can reach: <c>/v1/teleport/TOOL/path</c> is the tool's own path, by any method. With an
/// agent's name in place of the tool's, the tool's comes next.
/// </summary>
internal sealed class TeleportDoor(Work work, TaskEngine engine, ModelCatalog models, TeleportAnswer answer)
{
    private const string Prefix = "/v1/teleport/";

    /// <summary>Adds the door's parts.</summary>
    public static void Add(IServiceCollection services) =>
        services.AddSingleton<TeleportDoor>().AddSingleton<TeleportAnswer>();

    /// <summary>Adds the door's routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var door = routes.ServiceProvider.GetRequiredService<TeleportDoor>();
        routes.Map(Prefix + "{target}/{**path}", door.CallAsync);
    }

    private async Task CallAsync(HttpContext http)
    {
        var (call, target) = await ReadAsync(http);
        var task = await work.SubmitAsync(
            http,
            new WorkRequest(
                HttpCall.Kind,
                target.Tool,
                RequestOf(call),
                Stream: true,
                Tools: true,
                Requires: target.Host is { } host ? new TaskRequirements { Host = host } : null,
                MaxAttempts: call.IsRepeatable ? null : 1
            )
        );
        if (await work.IsLateAsync(http, task))
        {
            await Receipt.WriteAsync(http, task);
            return;
        }

        await answer.WriteAsync(http, task, target.Prefix);
    }

    private async Task<(HttpCall Call, Target Target)> ReadAsync(HttpContext http)
    {
        if (!CallScanner.IsMethod(http.Request.Method))
        {
            throw new RejectedException(DoorError.BadRequest("a method has 1 to 32 letters"));
        }

        // As the client wrote it: what is escaped and how is the tool's to understand.
        var raw = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!raw.StartsWith(Prefix, StringComparison.Ordinal))
        {
            throw new RejectedException(
                DoorError.BadRequest("the path must begin with /v1/teleport/ as it is written here")
            );
        }

        var target = Find(raw);
        var (path, url) = PlaceOf(target.Rest);
        var (text, bytes) = await BodyAsync(http);
        return (
            new HttpCall
            {
                Method = http.Request.Method,
                Path = path,
                Url = url,
                Headers = TeleportHeaders.ForTool(http.Request.Headers),
                Body = text,
                BodyBase64 = bytes,
            },
            target
        );
    }

    // Bytes that are no text grow by a third, and no host's link takes more than this.
    private static byte[] RequestOf(HttpCall call)
    {
        var request = JsonSerializer.SerializeToUtf8Bytes(call, ProtocolJson.Default.HttpCall);
        return request.Length <= LinkLimits.OfferBytes
            ? request
            : throw new RejectedException(
                new DoorError(
                    413,
                    "too_large",
                    $"a call with its body, in base64 where that is no text, has at most {LinkLimits.OfferBytes} bytes"
                )
            );
    }

    /// <summary>The tool of that name, or the agent and then its tool.</summary>
    private Target Find(string raw)
    {
        var (name, rest) = Cut(raw[Prefix.Length..]);
        if (engine.Hosts.CanServe(HttpCall.Kind, name) == Serving.None)
        {
            var host = engine
                .Hosts.List()
                .FirstOrDefault(known => known.Description.Name == name || known.Description.Id == name);
            var (tool, below) = Cut(rest.TrimStart('/'));
            if (host?.Description.Models.Any(model => Is(model, tool)) == true)
            {
                return new Target(tool, host.Description.Id, $"{Prefix}{name}/{tool}", below);
            }

            if (host is not null && models.Tools().Any(model => model.Name == tool))
            {
                throw new RejectedException(
                    new DoorError(
                        404,
                        "tool_not_found",
                        $"agent \"{DoorError.Quote(name)}\" has no tool \"{DoorError.Quote(tool)}\""
                    )
                );
            }
        }

        return new Target(name, null, Prefix + name, rest);
    }

    private static bool Is(ModelInfo model, string tool) =>
        model.Name == tool && model.Kinds?.Contains(HttpCall.Kind, StringComparer.Ordinal) == true;

    private static (string Name, string Below) Cut(string text)
    {
        var end = text.AsSpan().IndexOfAny('/', '?');
        return end < 0 ? (text, "/") : (text[..end], text[end] == '?' ? "/" + text[end..] : text[end..]);
    }

    // For agents that take any address: what follows their name is one.
    private static (string? Path, string? Url) PlaceOf(string rest) =>
        rest.StartsWith("/http://", StringComparison.Ordinal) || rest.StartsWith("/https://", StringComparison.Ordinal)
            ? (null, rest[1..])
            : (rest, null);

    private static async Task<(string? Text, byte[]? Bytes)> BodyAsync(HttpContext http)
    {
        if (http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != true)
        {
            return (null, null);
        }

        var body = await RequestBody.ReadAsync(http, mayBeEmpty: true);
        return body.Length == 0 && http.Request.ContentLength is null ? (null, null)
            : Utf8.IsValid(body) ? (System.Text.Encoding.UTF8.GetString(body), null)
            : (null, body);
    }

    private sealed record Target(string Tool, string? Host, string Prefix, string Rest);
}
