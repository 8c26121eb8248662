using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>
/// The teleport agents that ask for calls. All that come by one name (their environment) are one another's stand-ins, and the name is
/// that of the model of calls for them. It belongs to the token that came with it first.
/// </summary>
internal sealed class TeleportAgents : IAsyncDisposable
{
    private static readonly IReadOnlyList<string> Kinds = [HttpCall.Kind];
    private readonly PolledHosts _hosts;
    private readonly AgentAccess _access;
    private readonly GatewayOptions _options;
    private readonly ConditionalWeakTable<PolledHost, TeleportSettings> _told = [];

    public TeleportAgents(
        TaskEngine engine,
        HostGuests guests,
        AgentAccess access,
        GatewayOptions options,
        TimeProvider time,
        ILogger<TeleportAgents> logger
    )
    {
        (_access, _options) = (access, options);
        _hosts = new PolledHosts(engine, guests, TeleportLimits.Hosts, time, logger);
    }

    /// <summary>How the looking after agents is.</summary>
    public BackgroundLoop Loop => _hosts.Loop;

    /// <summary>The agent that asks for a call, or why it gets none.</summary>
    public async Task<(PolledHost? Host, DoorError? Refusal)> EnterAsync(HttpContext http)
    {
        var name = NameOf(http.Request);
        if (!LinkLimits.IsModelName(name))
        {
            return (null, DoorError.BadRequest("\"envName\" must be letters, digits and . _ - : / @ +", "envName"));
        }

        var (admission, refusal) = await _access.AdmitAsync(http, TeleportLimits.Family, name, isUnique: true);
        if (admission is null)
        {
            return (null, refusal);
        }

        if (AgentAccess.Objection(admission.Terms, [name]) is { } objection)
        {
            return (null, objection);
        }

        var profile = new PolledProfile
        {
            Name = name,
            Models = [new ModelInfo { Name = name, Kinds = Kinds }],
            Terms = admission.Terms,
            Marks = AgentAccess.MarksOf(http, TeleportLimits.Family, admission.Place, name),
            Slots = admission.Terms.MostSlots ?? _options.TeleportPoolSize ?? TeleportLimits.Slots,
            Polls = 1,
        };
        var agent = PlainText.Of(http.Request.Query["agentId"].ToString(), LooseJson.WordCharacters);
        return _hosts.Enter(admission.Place, $"{name}\n{agent}", profile);
    }

    /// <summary>Whose a request is that brings something.</summary>
    /// <exception cref="RejectedException">Nobody is here from there, or it calls too often.</exception>
    public string RequirePlace(HttpContext http)
    {
        var place = _access.PlaceOf(http);
        return _hosts.MayCall(place) switch
        {
            true => place,
            false => throw TeleportDialect.Reject(http, _hosts.TooOften),
            null => throw new RejectedException(
                new DoorError(401, "unknown_agent", "no agent with this key has asked for work here of late")
            ),
        };
    }

    /// <summary>A call that agents of this place have, or have brought of late; null when none has it.</summary>
    public (PolledHost Host, PolledWork Work)? Find(string place, string taskId) => _hosts.Find(place, taskId);

    /// <summary>What the agent is to change in its settings, once: it builds its threads anew each time that it hears of it.</summary>
    public TeleportSettings? SettingsFor(PolledHost host) =>
        TeleportSettings.Of(_options) is { } settings && _told.TryAdd(host, settings) ? settings : null;

    /// <summary>The name that a request comes by.</summary>
    public static string NameOf(HttpRequest request) =>
        request.Query["envName"].ToString() is { Length: > 0 } name ? name : TeleportLimits.UsualName;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _hosts.DisposeAsync();
}
