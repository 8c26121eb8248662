using System.Text.Json;
using System.Threading.Channels;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>A frame that waits to be sent, with the work that it brings.</summary>
internal readonly record struct AndyFrame(byte[] Json, AndyWork? Work);

/// <summary>
/// A host at the other end of a WebSocket, from its registration to the end of the line. No word of this protocol ends work, so what
/// nobody wants any more takes up the host's place until it is brought.
/// </summary>
internal sealed class AndySocketHost : IHostSink
{
    private const int MostWaiting = 64;
    private static readonly TimeSpan OfferWithin = TimeSpan.FromSeconds(5);
    private readonly HostPool _pool;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (AndyWork Work, int Number)> _work = new(StringComparer.Ordinal);
    private readonly Channel<AndyFrame> _frames = Channel.CreateBounded<AndyFrame>(MostWaiting);
    private readonly DispatchHost _link;
    private Dictionary<string, AndyModel> _models;
    private HashSet<string>? _offered;
    private int _slots;
    private int _number;
    private bool _isTelling;
    private bool _isOver;

    /// <summary>Connects the host to the engine.</summary>
    public AndySocketHost(
        HostPool pool,
        TimeProvider time,
        string publicId,
        string name,
        IReadOnlyList<AndyModel> models
    )
    {
        (_pool, _time) = (pool, time);
        PublicId = publicId;
        _models = Index(models);
        _offered = [.. _models.Keys];
        _slots = Capacity;
        _link = pool.Connect(
            new HostDescription
            {
                Id = PublicId,
                Name = name,
                Slots = _slots,
                Models = [.. models.Select(static model => model.Info)],
                Tier = TrustTier.Community,
                Labels = [AndyHost.Label],
                Silence = AndyLimits.BusySerial,
                AcceptWithin = OfferWithin,
                AnswerWithin = AndyLimits.Answer,
                PassesOptions = false,
            },
            this
        );
        _link.SetIdleSilence(AndyLimits.Idle);
    }

    /// <summary>What everybody knows it by.</summary>
    public string PublicId { get; }

    /// <summary>What is to be sent.</summary>
    public ChannelReader<AndyFrame> Frames => _frames.Reader;

    /// <summary>The client knows its id: from here on it gets work.</summary>
    public void Ready() => _link.Ready();

    /// <summary>Something was heard of it.</summary>
    public void Touch() => _link.Touch();

    /// <summary>Puts a frame behind those that wait; one too many ends the line.</summary>
    public bool Say(byte[] json, AndyWork? work = null)
    {
        var isTaken = _frames.Writer.TryWrite(new AndyFrame(json, work));
        if (!isTaken)
        {
            _frames.Writer.TryComplete(); // It reads nothing.
        }

        return isTaken;
    }

    /// <summary>It says which models it has now.</summary>
    public void SetModels(IReadOnlyList<AndyModel> models)
    {
        lock (_gate)
        {
            _models = Index(models);
            _offered = null; // To be told, whatever it is.
        }

        Inform();
    }

    /// <summary>It brings work, which it has no more from here on. What it does not have changes nothing.</summary>
    public void TakeResponse(string? requestId, JsonElement data)
    {
        AndyWork? work;
        lock (_gate)
        {
            requestId ??= _work.FirstOrDefault(pair => pair.Value.Number == data.Number("id")).Key;
            work = requestId is not null && _work.Remove(requestId, out var entry) ? entry.Work : null;
        }

        if (work is null)
        {
            return;
        }

        var text = data.Text("response");
        if (data.Text("status") is "error" || data.Number("error") is > 0 || text is null)
        {
            AndyResult.Fail(work.Attempt, "it failed, without saying why");
        }
        else if (work.Attempt.Kind != "embedding")
        {
            AndyResult.TakeText(work.Attempt, text);
        }
        else
        {
            AndyResult.TakeEmbeddings(work.Attempt, text);
        }

        work.Attempt.Free();
        Inform();
    }

    /// <summary>
    /// Looks after the host while its line is up, which a client that does not answer pings loses within 45 seconds: its own
    /// heartbeats may be farther apart. Forgets work that nobody wants any more and the host did not bring.
    /// </summary>
    public void Tick()
    {
        Touch();
        lock (_gate)
        {
            foreach (var (id, (work, _)) in _work.ToList())
            {
                if (work.IsOver && _time.GetElapsedTime(work.GivenAt) > AndyLimits.Answer)
                {
                    _work.Remove(id);
                }
            }
        }

        Inform();
    }

    /// <summary>The line has ended: what the host had goes to others at once.</summary>
    public void End()
    {
        lock (_gate)
        {
            if (_isOver)
            {
                return;
            }

            _isOver = true;
            _work.Clear();
        }

        _frames.Writer.TryComplete();
        _pool.Evict(PublicId, "left", "the host's line has ended");
    }

    void IHostSink.Offer(Attempt attempt)
    {
        var work = new AndyWork(attempt, _time.GetTimestamp());
        int number;
        AndyModel? model;
        lock (_gate)
        {
            if (_isOver || !_models.TryGetValue(attempt.Model, out model) || RunningOf(attempt.Model) >= SlotsOf(model))
            {
                model = null; // Two offers may have come at once, and the first has filled it.
            }

            number = ++_number;
            if (model is not null)
            {
                _work.Add(work.Id, (work, number));
            }
        }

        if (model is null)
        {
            attempt.Refuse("busy", "the host has as much of this model as it can do");
            return;
        }

        using var parsed = JsonDocument.Parse(attempt.Request);
        var objection =
            AndyWorkItem.Objection(attempt, parsed.RootElement, model.Info) ?? Untransmittable(parsed.RootElement);
        if (objection is not null)
        {
            Remove(work);
            attempt.Fail(attempt.NextSeq, objection);
            attempt.Free();
        }
        else if (!Say(AndyFrames.Request(work, number, parsed.RootElement, _time.GetUtcNow()), work))
        {
            Remove(work);
            attempt.Refuse("busy", "the host reads nothing");
        }

        Inform();
    }

    void IHostSink.Cancel(Attempt attempt, string reason) => EndWork(attempt);

    void IHostSink.Fenced(Attempt attempt) => EndWork(attempt);

    void IHostSink.Acknowledge(Attempt attempt, int nextSeq) { }

    void IHostSink.Credit(Attempt attempt, int bytes) { }

    TimeSpan? IHostSink.SinceOfferLeft(Attempt attempt) => TimeSpan.MaxValue; // What waits here longer is not read.

    void IHostSink.Close(string code, string reason) => _frames.Writer.TryComplete();

    private int Capacity => (int)Math.Min(AndyLimits.Slots, _models.Values.Sum(static model => (long)SlotsOf(model)));

    private static int SlotsOf(AndyModel model) => model.Slots ?? 1;

    private static Dictionary<string, AndyModel> Index(IReadOnlyList<AndyModel> models) =>
        models.ToDictionary(static model => model.Info.Name, StringComparer.Ordinal);

    private static Messages.Fail? Untransmittable(JsonElement request) =>
        request.Items("tools").Any() && request.Text("tool_choice") != "none"
            ? new Messages.Fail
            {
                Code = "unsupported",
                Message = "hosts of this kind know no tools",
                Retryable = true, // Another host may.
                Parameter = "tools",
            }
            : null;

    private int RunningOf(string model) => _work.Values.Count(entry => entry.Work.Attempt.Model == model);

    private void Remove(AndyWork work)
    {
        lock (_gate)
        {
            _work.Remove(work.Id);
        }
    }

    private void EndWork(Attempt attempt)
    {
        lock (_gate)
        {
            foreach (var (work, _) in _work.Values.Where(entry => ReferenceEquals(entry.Work.Attempt, attempt)))
            {
                work.IsOver = true;
            }
        }

        attempt.Free();
        Inform();
    }

    /// <summary>Tells the engine what the host can take now: places less those of work that nobody wants, models less those that are full.</summary>
    private void Inform()
    {
        while (true)
        {
            int? slots;
            IReadOnlyList<ModelInfo>? models;
            lock (_gate)
            {
                if (_isOver || _isTelling)
                {
                    return; // Whoever tells looks again.
                }

                (slots, models) = (ChangedSlots(), ChangedModels());
                if (slots is null && models is null)
                {
                    return;
                }

                _isTelling = true;
            }

            if (slots is { } changed)
            {
                _link.SetSlots(changed);
            }

            if (models is not null)
            {
                _link.SetModels(models);
            }

            lock (_gate)
            {
                _isTelling = false;
            }
        }
    }

    private int? ChangedSlots()
    {
        var slots = Math.Max(0, Capacity - _work.Values.Count(static entry => entry.Work.IsOver));
        var isSame = slots == _slots;
        _slots = slots;
        return isSame ? null : slots;
    }

    private List<ModelInfo>? ChangedModels()
    {
        if (_models.Count <= 1 && _offered is not null)
        {
            return null; // Of one model the slots say it all.
        }

        HashSet<string> offered =
        [
            .. _models.Values.Where(model => RunningOf(model.Info.Name) < SlotsOf(model)).Select(NameOf),
        ];
        var isSame = _offered?.SetEquals(offered) == true;
        _offered = offered;
        return isSame ? null : [.. offered.Select(name => _models[name].Info)];
    }

    private static string NameOf(AndyModel model) => model.Info.Name;
}
