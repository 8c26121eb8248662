using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks.Dispatch;

/// <summary>One connection of a host. All members may be called from any thread.</summary>
public sealed class DispatchHost
{
    /// <summary>What is said of a host that is quarantined.</summary>
    internal const string Quarantined = "is quarantined: too many of its answers failed their audits";

    private readonly EngineCore _core;
    private readonly HostSilence _silence;
    private readonly HashSet<string> _labels;
    private readonly HashSet<(string Model, string Feature)> _disproved = []; // What it says that it can do, and cannot.
    private Dictionary<string, ModelInfo> _models;
    private ModelInfo? _anyModel;
    private long _heard;
    private long _busySince;
    private long _idleSilenceTicks;
    private volatile bool _suspended;

    internal DispatchHost(EngineCore core, HostDescription description, IHostSink sink, long sessionEpoch)
    {
        _core = core;
        Description = description;
        Sink = sink;
        SessionEpoch = sessionEpoch;
        Slots = description.Slots;
        ConnectedAt = core.Time.GetUtcNow();
        _labels = new HashSet<string>(description.Labels, StringComparer.Ordinal);
        _models = Index(description.Models, out _anyModel);
        Loaded.Set(description.Models);
        _heard = core.Time.GetTimestamp();
        _silence = new HostSilence(core, this);
        _idleSilenceTicks = description.Silence.Ticks;
        core.Wheel.Set(_silence, description.Silence);
    }

    /// <summary>Grows with every connection of any host.</summary>
    public long SessionEpoch { get; }

    /// <summary>What it can run, as was said last.</summary>
    public IReadOnlyList<ModelInfo> Models => Description.Models;

    internal HostDescription Description { get; private set; }

    internal string Id => Description.Id;

    internal HostRole Role => Description.Role;

    internal IHostSink Sink { get; }

    internal DateTimeOffset ConnectedAt { get; }

    internal int Slots { get; private set; }

    internal TimeSpan AcceptWithin => Description.AcceptWithin ?? _core.Options.AcceptWithin;

    /// <summary>It is given nothing: an admin drains it, it is quarantined, or its owner lets it rest.</summary>
    internal bool Draining => IsDrained || QuarantinedAt is not null || Rest is not null;

    internal bool IsDrained { get; set; }

    /// <summary>Since when its answers are not trusted any more; null while they are.</summary>
    internal DateTimeOffset? QuarantinedAt { get; set; }

    internal HostRest? Rest => Description.Rest;

    internal bool IsReady { get; private set; }

    internal bool IsGone { get; set; }

    internal bool IsListedFree { get; set; }

    /// <summary>Attempts that it has, and cancelled ones whose backend it has not yet said to have stopped.</summary>
    internal HashSet<Attempt> Attempts { get; } = [];

    /// <summary>What it may be given.</summary>
    internal Dictionary<WorkClass, Place> Classes { get; } = [];

    /// <summary>What it has in memory.</summary>
    internal LoadedModels Loaded { get; } = new();

    /// <summary>What it could be given were it not being drained.</summary>
    internal HashSet<WorkClass> DrainedFrom { get; } = [];

    internal bool IsFree => IsReady && !Draining && !_suspended && !IsGone && Attempts.Count < Slots;

    internal double Load => Attempts.Count / (double)Math.Max(1, Slots);

    /// <summary>How much longer it may be silent. The shorter limit counts from when it got work: an idle host may have been silent for long.</summary>
    internal TimeSpan SilenceLeft
    {
        get
        {
            if (Attempts.Count == 0)
            {
                return TimeSpan.FromTicks(Volatile.Read(ref _idleSilenceTicks)) - SilentFor;
            }

            var busyFor = _core.Time.GetElapsedTime(_busySince);
            return Description.Silence - (busyFor < SilentFor ? busyFor : SilentFor);
        }
    }

    internal TimeSpan SilentFor => _core.Time.GetElapsedTime(Volatile.Read(ref _heard));

    /// <summary>Anything was heard of the host. Cheap: call it for every read.</summary>
    public void Touch()
    {
        Volatile.Write(ref _heard, _core.Time.GetTimestamp());
        if (_suspended)
        {
            _core.Hosts.Unsuspend(this);
        }
    }

    /// <summary>The host is ready to be offered work; call it once, after the hello was answered.</summary>
    public void Ready()
    {
        using var change = _core.Begin();
        if (!IsGone)
        {
            IsReady = true;
            _core.TakeFromForgetful(this, change.Effects);
            _core.Dispatcher.Place(this, change.Effects);
            _core.Hosts.NoteChange(Description.Models, change.Effects);
        }
    }

    /// <summary>Takes up an attempt of an earlier connection, also of one before the gateway's restart; null: it is fenced.</summary>
    /// <param name="token">The attempt's token, as the offer gave it.</param>
    /// <param name="lastAckedSeq">The host has nothing below this number any more.</param>
    public Attempt? Resume(string token, long lastAckedSeq)
    {
        using var change = _core.Begin();
        return IsGone ? null : _core.Resume(this, token, lastAckedSeq, change.Effects);
    }

    /// <summary>Says how long it may be silent while it has no work. That it froze is noticed then by the first offer that it does not take.</summary>
    public void SetIdleSilence(TimeSpan silence) => Volatile.Write(ref _idleSilenceTicks, silence.Ticks);

    /// <summary>Changes how many attempts it runs at the most.</summary>
    public void SetSlots(int slots)
    {
        using var change = _core.Begin();
        Slots = slots;
        _core.Activity.HostChanged();
        Dispatcher.Availability(this);
        _core.Dispatcher.Pump(this, change.Effects);
    }

    /// <summary>Changes what it can run.</summary>
    public void SetModels(IReadOnlyList<ModelInfo> models)
    {
        using var change = _core.Begin();
        var had = Description.Models;
        Description = Description with { Models = models };
        _models = Index(models, out _anyModel);
        Loaded.Set(models);
        if (!IsGone)
        {
            FindPlace(change.Effects);
            _core.Hosts.NoteChange([.. had, .. models], change.Effects);
        }
    }

    /// <summary>The host asks for no more work and finishes what it has.</summary>
    public void Drain() => _core.Hosts.SetDraining(this, draining: true);

    /// <summary>The host's owner lets it rest, or work again.</summary>
    public void SetRest(HostRest? rest) =>
        _core.Hosts.ChangeWhetherItWorks(this, host => host.Description = host.Description with { Rest = rest });

    /// <summary>The link is gone. Attempts wait a moment for the host to come back, then go to others.</summary>
    public void Disconnect()
    {
        using var change = _core.Begin();
        _core.Hosts.Leave(this, resumable: true, "disconnected", change.Effects);
    }

    /// <summary>A model has shown that it cannot do what the host says of it: that is not believed any more. The caller holds the engine's lock.</summary>
    internal void Disprove(string model, string feature, Effects effects)
    {
        if (ModelFor(model) is { } found && _disproved.Add((found.Name, feature)))
        {
            FindPlace(effects);
        }
    }

    private void FindPlace(Effects effects)
    {
        var before = CouldRun();
        _core.Dispatcher.Place(this, effects);
        foreach (var work in before)
        {
            _core.Dispatcher.Pump(work, effects); // What only this host could run may now fall to a fallback.
        }
    }

    /// <summary>The host did not take an offer in time: nothing more for it until it is heard of.</summary>
    internal void Suspend()
    {
        _suspended = true;
        Dispatcher.Availability(this);
    }

    internal bool IsSuspended => _suspended;

    internal void Unsuspend() => _suspended = false;

    /// <summary>It has this attempt from here on. The caller holds the engine's lock.</summary>
    internal void Add(Attempt attempt)
    {
        if (Attempts.Count == 0)
        {
            _busySince = _core.Time.GetTimestamp();
        }

        Attempts.Add(attempt);
    }

    internal void StopSilence() => _core.Wheel.Stop(_silence);

    /// <summary>What it was measured to do.</summary>
    internal IReadOnlyList<MeasuredRate> Measured() =>
        [
            .. Classes
                .Where(static pair => pair.Value.Rate is { Work.IsKnown: true })
                .DistinctBy(static pair => pair.Value.Rate)
                .Select(static pair => new MeasuredRate(
                    pair.Value.Model,
                    pair.Key.Key.Kind,
                    pair.Value.Rate!.Work.TokensPerSecond,
                    pair.Value.Rate.Work.LoadSeconds,
                    pair.Value.Rate.Reliability
                )),
        ];

    internal WorkClass[] CouldRun() => [.. Classes.Keys, .. DrainedFrom];

    /// <summary>True for a model that it names, not for one that it would only try.</summary>
    internal bool Lists(string model) => ModelFor(model) is { Name: not "*" };

    /// <summary>Digest of a model's weights; null when it does not say.</summary>
    internal string? DigestOf(string model) => ModelFor(model)?.Digest;

    /// <summary>Tokens of context that it gives the model; null: not known.</summary>
    internal int? ContextOf(string model) => ModelFor(model)?.Context;

    /// <summary>True when it may have this task, and goes on with what it had begun of it.</summary>
    internal bool GoesOnWith(TaskRow row) =>
        !Draining
        && NameFor(row.Kind, row.Model, row.Requires) is not null
        && ModelFor(row.Model)?.Capabilities?.Contains(ModelInfo.Resume, StringComparer.Ordinal) == true;

    /// <summary>True when it shows that nobody goes on with this task, of which that is not known: it runs such work and cannot.</summary>
    internal bool Doubts(LiveTask task) =>
        task is { IsKeptBlindly: true, Row: var row }
        && !Draining
        && NameFor(row.Kind, row.Model, row.Requires) is not null
        && !GoesOnWith(row);

    /// <summary>The host's own name for the model of such work; null when it cannot run it.</summary>
    internal string? NameFor(WorkClass work) =>
        NameFor(work.Key.Kind, work.Key.Model, work.Requires, work.Key.OnlyFallback);

    internal string? NameFor(string kind, string model, TaskRequirements? requires, bool onlyFallback = false) =>
        onlyFallback && Role != HostRole.Fallback ? null
        : ModelFor(model) is { } found && Does(found, kind) && Satisfies(found, requires)
            ? found.Name == "*" ? model
                : found.Name
        : null;

    /// <summary>Why it cannot run such work, for people; null when it can.</summary>
    internal string? Objection(string kind, string model, TaskRequirements? requires) =>
        ModelFor(model) is not { } found ? $"does not have the model {model}"
        : !Does(found, kind) ? $"does no work of kind {kind} with {model}"
        : requires?.Tier > Description.Tier
            ? $"is not trusted enough: it is {Named(Description.Tier)}, and the task is for hosts that are {Named(requires.Tier.Value)}"
        : Lacking(found, requires) is { } lacking ? lacking
        : QuarantinedAt is not null ? Quarantined
        : IsDrained ? "is being drained"
        : Rest is { } rest ? Describe(rest)
        : null;

    /// <summary>What it lacks of what the task requires; null: nothing.</summary>
    private string? Lacking(ModelInfo model, Protocol.Api.TaskRequirements? requires) =>
        Satisfies(model, requires) ? null
        : requires?.Context > model.Context
            ? $"has a context of {model.Context} tokens with {model.Name}, and {requires.Context} are needed"
        : requires?.Labels?.FirstOrDefault(label => !_labels.Contains(label)) is { } label
            ? $"does not have the label \"{label}\""
        : requires?.Features?.FirstOrDefault(feature => !Has(model, feature)) is { } feature
            ? $"cannot do \"{feature}\" with {model.Name}"
        : "is not the host that is asked for";

    private bool Has(ModelInfo model, string feature) =>
        (
            model.Capabilities?.Contains(feature, StringComparer.Ordinal) == true
            && !_disproved.Contains((model.Name, feature))
        )
        || (
            model.Digest is { } digest
            && feature.StartsWith(ModelInfo.DigestPrefix, StringComparison.Ordinal)
            && feature.AsSpan(ModelInfo.DigestPrefix.Length).SequenceEqual(digest)
        );

    private static string Describe(HostRest rest) =>
        rest.Until is { } until
            ? $"takes no work until {until.UtcDateTime:yyyy-MM-dd HH:mm} UTC: {rest.Reason}"
            : $"takes no work: {rest.Reason}";

    private static Dictionary<string, ModelInfo> Index(IReadOnlyList<ModelInfo> models, out ModelInfo? any)
    {
        var index = new Dictionary<string, ModelInfo>(StringComparer.Ordinal);
        any = null;
        foreach (var model in models)
        {
            index[model.Name] = model;
            any = model.Name == "*" ? model : any;
        }

        return index;
    }

    /// <summary>True for a program that runs in place of a model: it may work for long before it has anything to say.</summary>
    internal bool RunsAsCommand(string model) => ModelFor(model) is { } info && Does(info, "command");

    /// <summary>True for a tool: how long its answers take has nothing to do with each other, and calling it twice may do a thing twice.</summary>
    internal bool CallsTool(string model) => ModelFor(model) is { } info && Does(info, HttpCall.Kind);

    /// <summary>The models that it names for such work; none for which it starts a program.</summary>
    internal IEnumerable<ModelInfo> ModelsFor(string kind) =>
        Description.Models.Where(model => model.Name != "*" && Does(model, kind) && !Does(model, "command"));

    private ModelInfo? ModelFor(string model) =>
        _models.TryGetValue(model, out var exact) ? exact
        : _models.TryGetValue(model + ":latest", out var latest) ? latest // As Ollama reads a name without a tag.
        : _anyModel;

    private static bool Does(ModelInfo model, string kind) =>
        model.Kinds is { } kinds ? kinds.Contains(kind, StringComparer.Ordinal) : kind is "chat" or "completion";

    internal static string Named(TrustTier tier) =>
        tier switch
        {
            TrustTier.Own => "own",
            TrustTier.Trusted => "trusted",
            _ => "community",
        };

    // What a host calls itself is its own to say: a volunteer's could take the name of somebody's machine, and get what is meant for it.
    private bool IsCalled(string host) =>
        host == Description.Id || (host == Description.Name && Description.Tier != TrustTier.Community);

    private bool Satisfies(ModelInfo model, TaskRequirements? requires) =>
        requires is null
        || (
            (requires.Host is not { } host || IsCalled(host))
            && (requires.Context is not { } context || model.Context is null || model.Context >= context)
            && (requires.Tier is not { } tier || Description.Tier >= tier)
            && (requires.Labels ?? []).All(_labels.Contains)
            && (requires.Features ?? []).All(feature => Has(model, feature))
        );
}
