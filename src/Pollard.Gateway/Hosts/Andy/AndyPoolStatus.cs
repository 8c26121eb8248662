using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>
/// The pool for everybody to see. An id that opens anything is shown only where it is good: to the address of its host. All others
/// have an alias there, always the same, which opens nothing.
/// </summary>
internal sealed class AndyPoolStatus(TaskEngine engine, AndyHosts hosts)
{
    /// <summary><c>GET pool_status</c>.</summary>
    public Task ShowAsync(HttpContext http)
    {
        var all = engine.Hosts.List();
        var own = hosts
            .At(CallerAddress.Of(http))
            .ToDictionary(host => host.PublicId, host => host.Id, StringComparer.Ordinal);
        return JsonReply.WriteAsync(http, (all, own), static (json, it) => Write(json, it.all, it.own));
    }

    private static void Write(Utf8JsonWriter json, IReadOnlyList<HostSnapshot> all, Dictionary<string, string> own)
    {
        var models = all.Where(static host => !host.Draining)
            .SelectMany(static host => host.Description.Models)
            .Where(static model => model.Name != "*")
            .CountBy(static model => model.Name, StringComparer.Ordinal)
            .OrderBy(static model => model.Key, StringComparer.Ordinal)
            .ToList();
        json.WriteStartObject();
        json.WriteNumber("total_hosts"u8, all.Count);
        json.WriteNumber("active_hosts"u8, all.Count(IsActive));
        json.WriteNumber("total_models"u8, models.Count);
        json.WriteStartArray("hosts"u8);
        foreach (var host in all)
        {
            var id = host.Description.Id;
            json.WriteStartObject();
            json.WriteString("host_id"u8, own.GetValueOrDefault(id) ?? AndyHost.AliasOf(id));
            json.WriteString("status"u8, IsActive(host) ? "active"u8 : "inactive"u8);
            json.WriteNumber("load"u8, host.Running);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("models"u8);
        foreach (var (name, count) in models)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, name);
            json.WriteNumber("available_hosts"u8, count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static bool IsActive(HostSnapshot host) => !host.Draining && host.Description.Models.Count > 0;
}
