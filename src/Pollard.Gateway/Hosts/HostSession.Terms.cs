using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts;

/// <content>What the host may serve, on the terms on which it joined.</content>
internal sealed partial class HostSession
{
    /// <summary>What it has and gets no work for, since its join token is for other models.</summary>
    public IReadOnlyList<string> ExcludedModels { get; private set; } = [];

    private string? _whyIdle; // As the host was told.
    private long _askedWhyAt;

    private string? WhyQuarantined => _server.Registry.Find(Peer.HostId)?.WhyQuarantined;

    private JoinTerms Terms => _server.Registry.Find(Peer.HostId)?.Terms ?? JoinTerms.Usual;

    private int Allowed(int slots) => IsLocal ? slots : Math.Min(slots, Terms.MostSlots ?? slots);

    /// <summary>The models that the host's join token is for; the host hears which ones are left out when that changes.</summary>
    private IReadOnlyList<ModelInfo> Allowed(IReadOnlyList<ModelInfo> models)
    {
        if (IsLocal || Terms.Models is not { } patterns)
        {
            return models;
        }

        List<string> excluded =
        [
            .. models.Select(model => model.Name).Where(name => !ModelPattern.IsMatch(patterns, name)),
        ];
        if (!excluded.SequenceEqual(ExcludedModels, StringComparer.Ordinal))
        {
            ExcludedModels = excluded;
            SayExcluded(excluded);
        }

        return [.. models.Where(model => ModelPattern.IsMatch(patterns, model.Name))];
    }

    /// <summary>The request of an attempt, as this host may have it.</summary>
    private ReadOnlyMemory<byte> Allowed(Attempt attempt) =>
        !IsLocal && Terms.Tier == TrustTier.Community
            ? LentMachine.Spare(
                attempt.Request,
                attempt.Kind,
                _host!.Models.FirstOrDefault(model => model.Name == attempt.Model)?.Context
            )
            : attempt.Request;

    private HostDescription DescribeHost(Messages.Hello hello) =>
        new()
        {
            Id = Peer.HostId,
            Name = hello.Name ?? Peer.Name,
            Slots = Allowed(hello.Slots),
            Tier = IsLocal ? TrustTier.Own : Terms.Tier,
            Owner = IsLocal ? null : Terms.Owner,
            Models = Allowed(hello.Models),
            Role = hello.Role is "fallback" ? HostRole.Fallback : HostRole.Worker,
            Carrier = Peer.Carrier switch
            {
                LinkCarrier.Http2 => "h2",
                LinkCarrier.WebSocket => "ws",
                LinkCarrier.Turn => "turn",
                _ => "memory",
            },
            Labels = hello.Labels ?? [],
            Rest = Read(hello.Rest),
            Silence = Silence,
            AcceptWithin = Peer.Carrier == LinkCarrier.Turn ? LinkLimits.LongPollAcceptWithin : null,
        };

    private void TakeStatus(Messages.Status status)
    {
        if (status.Models is { } models)
        {
            HelloCheck.RequireModels(models, IsLocal);
            _host!.SetModels(Allowed(models));
            _server.Registry.HasModels(Peer.HostId, _host.Models);
        }

        if (status.Rest is { } rest)
        {
            HelloCheck.RequireRest(rest);
            _host!.SetRest(Read(rest));
        }
    }

    /// <summary>Says why the host gets no work when that has changed; the seldomer the more hosts there are.</summary>
    private void SayWhyIdle(Func<WaitingWork> waiting)
    {
        if (_server.Time.GetElapsedTime(_askedWhyAt) < _server.IdleHeartbeat)
        {
            return;
        }

        _askedWhyAt = _server.Time.GetTimestamp();
        var why = waiting().WhyIdle(Peer.HostId);
        if (!string.Equals(why, _whyIdle, StringComparison.Ordinal))
        {
            _whyIdle = why;
            var config = new Messages.Config { WhyIdle = why ?? "" };
            _outbox.Write(FrameType.Config, 0, config, ProtocolJson.Default.Config);
            _outbox.Flush();
        }
    }

    private HostRest? Read(Messages.Rest? rest) =>
        rest is null or { Code: "none" }
            ? null
            : new HostRest(
                rest.Code,
                rest.Reason,
                rest.Seconds is { } seconds ? _server.Time.GetUtcNow() + TimeSpan.FromSeconds(seconds) : null
            );

    private void SayExcluded(IReadOnlyList<string> models) =>
        Say(() =>
            _outbox.Write(
                FrameType.Config,
                0,
                new Messages.Config { ExcludedModels = models },
                ProtocolJson.Default.Config
            )
        );
}
