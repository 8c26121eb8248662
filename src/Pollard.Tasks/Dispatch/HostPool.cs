using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Tasks.Dispatch;

/// <summary>The hosts that are connected, and what they can run.</summary>
public sealed class HostPool
{
    private readonly EngineCore _core;
    private long _sessionEpoch;

    internal HostPool(EngineCore core, long firstSessionEpoch)
    {
        _core = core;
        _sessionEpoch = firstSessionEpoch;
    }

    /// <summary>Raised after a host came, went, or changed what it can run, with the models that it had or has. Never blocks the caller.</summary>
    public event Action<IReadOnlyList<ModelInfo>>? Changed;

    /// <summary>Raised after a host of the community brought a whole answer that was taken. Never blocks the caller.</summary>
    public event Action<HostAnswer>? Answered;

    /// <summary>True while links drop in numbers, and a moment after: no host is to be blamed for what comes to light then.</summary>
    public bool IsTroubled
    {
        get
        {
            lock (_core.Gate)
            {
                return _core.Losses.FreezeLeft > TimeSpan.Zero;
            }
        }
    }

    /// <summary>The connected hosts.</summary>
    /// <param name="least">Only those of this tier and above.</param>
    /// <param name="most">Only those of this tier and below.</param>
    public IReadOnlyList<HostSnapshot> List(TrustTier least = TrustTier.Community, TrustTier most = TrustTier.Own)
    {
        using var change = _core.Begin();
        var hosts = _core.Dispatcher.Hosts.Values.Where(host =>
            host.Description.Tier >= least && host.Description.Tier <= most
        );
        return
        [
            .. hosts.Select(host => new HostSnapshot(
                host.Description with
                {
                    Slots = host.Slots,
                },
                host.Attempts.Count,
                host.Draining,
                host.ConnectedAt,
                _core.Time.GetUtcNow() - host.SilentFor,
                host.Measured()
            )),
        ];
    }

    /// <summary>What keeps every connected host with the model from such work for good; null: nothing, or no host has the model.</summary>
    public Obstacle? FindObstacle(string kind, string model, TaskRequirements requires)
    {
        lock (_core.Gate)
        {
            return Obstacle.Find([.. _core.Dispatcher.Hosts.Values], kind, model, requires);
        }
    }

    /// <summary>What waits for hosts at this moment.</summary>
    public WaitingWork Waiting()
    {
        lock (_core.Gate)
        {
            return new WaitingWork(_core);
        }
    }

    /// <summary>Every model that a connected host has, each once, by name; workers' before fallbacks'.</summary>
    public IReadOnlyList<ModelInfo> Models()
    {
        using var change = _core.Begin();
        var models = new Dictionary<string, ModelInfo>(StringComparer.Ordinal);
        foreach (
            var host in _core
                .Dispatcher.Hosts.Values.Where(static host => host.IsReady)
                .OrderBy(static host => host.Role)
        )
        {
            foreach (var model in host.Description.Models)
            {
                models.TryAdd(model.Name, model);
            }
        }

        return
        [
            .. models
                .Values.Where(static model => model.Name != "*")
                .OrderBy(static model => model.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>
    /// The model that has most room for such work: of those that workers name, and rather one that is in memory, the one with most
    /// slots; null when there is none. Programs that run in place of a model are none of them.
    /// </summary>
    public string? Roomiest(string kind)
    {
        lock (_core.Gate)
        {
            return _core
                .Dispatcher.Hosts.Values.Where(static host =>
                    host is { IsReady: true, Draining: false, Role: HostRole.Worker }
                )
                .SelectMany(host =>
                    host.ModelsFor(kind).Select(model => (model.Name, IsLoaded: model.Loaded != false, host.Slots))
                )
                .GroupBy(static found => found.Name, StringComparer.Ordinal)
                .OrderByDescending(static same => same.Any(static found => found.IsLoaded))
                .ThenByDescending(static same => same.Sum(static found => found.Slots))
                .ThenBy(static same => same.Key, StringComparer.Ordinal)
                .FirstOrDefault()
                ?.Key;
        }
    }

    /// <summary>Who could run such work, busy or not.</summary>
    public Serving CanServe(string kind, string model, TaskRequirements? requires = null)
    {
        using var change = _core.Begin();
        var (workers, fallbacks) = _core.Dispatcher.CountFor(kind, model, requires);
        return workers > 0 ? Serving.Worker
            : fallbacks > 0 ? Serving.Fallback
            : _core.Dispatcher.IsDrained(kind, model, requires) ? Serving.Drained
            : Serving.None;
    }

    /// <summary>A host comes; an older connection of the same host is closed as <c>replaced</c>. Its attempts stay resumable.</summary>
    public DispatchHost Connect(HostDescription description, IHostSink sink)
    {
        using var change = _core.Begin();
        if (_core.Dispatcher.Hosts.TryGetValue(description.Id, out var older))
        {
            Leave(older, resumable: true, "replaced", change.Effects);
            change.Effects.Close(older.Sink, "replaced", "the host has opened a newer session");
        }

        var host = new DispatchHost(_core, description, sink, ++_sessionEpoch);
        _core.Activity.Came(host);
        _core.Dispatcher.Place(host, change.Effects);
        return host;
    }

    /// <summary>Stops offering work to a host, or starts again. False when it is not connected.</summary>
    public bool SetDraining(string hostId, bool draining) => Change(hostId, host => host.IsDrained = draining);

    /// <summary>Quarantines a host, which gets no work then, or ends that. False when it is not connected.</summary>
    /// <param name="hostId">The host.</param>
    /// <param name="since">Since when it is quarantined; null: it is not.</param>
    public bool SetQuarantined(string hostId, DateTimeOffset? since) =>
        Change(hostId, host => host.QuarantinedAt = since);

    /// <summary>Closes a host's connection with this code (<c>revoked</c>); its attempts go to others at once.</summary>
    public bool Evict(string hostId, string code, string reason)
    {
        using var change = _core.Begin();
        _core.CloseWaysBack(hostId, change.Effects);
        if (!_core.Dispatcher.Hosts.TryGetValue(hostId, out var host))
        {
            return false;
        }

        Leave(host, resumable: false, code, change.Effects);
        change.Effects.Close(host.Sink, code, reason);
        return true;
    }

    internal void SetDraining(DispatchHost host, bool draining) =>
        ChangeWhetherItWorks(host, host => host.IsDrained = draining);

    private bool Change(string hostId, Action<DispatchHost> apply)
    {
        DispatchHost? host;
        lock (_core.Gate)
        {
            _core.Dispatcher.Hosts.TryGetValue(hostId, out host);
        }

        if (host is not null)
        {
            ChangeWhetherItWorks(host, apply);
        }

        return host is not null;
    }

    /// <summary>Changes what says whether a host is given work, and has the work find its way.</summary>
    internal void ChangeWhetherItWorks(DispatchHost host, Action<DispatchHost> apply)
    {
        using var change = _core.Begin();
        if (host.IsGone)
        {
            return;
        }

        var before = host.CouldRun();
        var didWork = !host.Draining;
        apply(host);
        if (didWork == !host.Draining)
        {
            return;
        }

        _core.Dispatcher.Place(host, change.Effects);
        foreach (var work in before)
        {
            _core.Dispatcher.Pump(work, change.Effects);
        }

        NoteChange(host.Description.Models, change.Effects);
    }

    internal void Unsuspend(DispatchHost host)
    {
        using var change = _core.Begin();
        host.Unsuspend();
        Dispatcher.Availability(host);
        _core.Dispatcher.Pump(host, change.Effects);
    }

    /// <summary>The host is connected no more. The caller holds the engine's lock.</summary>
    internal void Leave(DispatchHost host, bool resumable, string why, Effects effects)
    {
        if (host.IsGone)
        {
            return;
        }

        host.IsGone = true;
        _core.Activity.Left(host, why);
        host.StopSilence();
        _core.Losses.Note(_core.Dispatcher.Hosts.Count);
        _core.Dispatcher.Take(host, effects); // First: what it leaves behind is not to be given to it again.
        foreach (var attempt in host.Attempts.ToArray())
        {
            _core.HostLeft(attempt, resumable, effects);
        }

        NoteChange(host.Description.Models, effects);
    }

    /// <summary>An attempt's answer was taken. One that another host began is not this host's alone, and nobody is told of it.</summary>
    internal void NoteAnswer(Attempt attempt, List<TaskEvent> output, Messages.Finish finish, Effects effects)
    {
        // hot: once a task; nothing is made for hosts that are trusted.
        if (Answered is null || attempt is not { Cut: null, Host.Description.Tier: TrustTier.Community })
        {
            return;
        }

        var row = attempt.Task.Row;
        var took = row.StartedAt is { } started ? _core.Time.GetUtcNow() - started : TimeSpan.Zero;
        effects.Add(
            static (subject, answer, _) => ((HostPool)subject).Answered?.Invoke((HostAnswer)answer!),
            this,
            new HostAnswer(attempt.HostId, row, output, finish, took)
        );
    }

    internal void NoteChange(IReadOnlyList<ModelInfo> models, Effects effects)
    {
        _core.Activity.HostChanged();
        effects.Add(
            static (subject, models, _) => ((HostPool)subject).Changed?.Invoke((IReadOnlyList<ModelInfo>)models!),
            this,
            models
        );
    }
}
