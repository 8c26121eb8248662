using System.Buffers;
using System.Text;
using System.Text.Json;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Simulation.Choosing;

/// <summary>What a host can do, as nobody tells the engine.</summary>
/// <param name="TokensPerSecond">Of output.</param>
/// <param name="BytesPerSecond">Of requests that it reads.</param>
internal sealed record Power(double TokensPerSecond, double BytesPerSecond = 20_000)
{
    /// <summary>How long it loads a model, of which it has one at a time; 0: it has all of them, and says nothing about that.</summary>
    public double LoadSeconds { get; init; }

    /// <summary>The share of its attempts that it fails.</summary>
    public double FaultShare { get; init; }

    /// <summary>What it answers to a request; null: as many bytes as the job says, in which nobody looks for a meaning.</summary>
    public Func<ReadOnlyMemory<byte>, string>? Says { get; init; }

    /// <summary>Prompts that its cache holds.</summary>
    public int CachedPrompts { get; init; }

    /// <summary>How long it takes without loading and with an empty cache.</summary>
    public double Seconds(Job job) => (job.RequestBytes / BytesPerSecond) + (job.Tokens / TokensPerSecond);
}

/// <summary>A host with one slot that works at its own pace, in virtual time.</summary>
internal sealed class PoolHost : IHostSink
{
    private const int BytesPerToken = 4;
    private const double PieceSeconds = 2; // It stands still for no longer than that.
    private readonly PoolWorld _world;
    private readonly Power _power;
    private readonly string[] _models;
    private readonly DispatchHost _connection;
    private readonly List<ulong> _cache = [];
    private string? _loaded;

    public PoolHost(PoolWorld world, string id, Power power, TrustTier tier, string[] models)
    {
        _world = world;
        _power = power;
        _models = models;
        Id = id;
        _connection = world.Engine.Hosts.Connect(
            new HostDescription
            {
                Id = id,
                Name = id,
                Tier = tier,
                Slots = 1,
                Models = Models(),
                Silence = TimeSpan.FromDays(300),
            },
            this
        );
        _connection.Ready();
    }

    public string Id { get; }

    /// <summary>Attempts that it was offered.</summary>
    public int Offers { get; private set; }

    /// <summary>How often it had to load another model.</summary>
    public int Loads { get; private set; }

    /// <summary>Prompts whose beginning, or all, it had in its cache.</summary>
    public int Hits { get; private set; }

    void IHostSink.Offer(Attempt attempt)
    {
        Offers++;
        _world.After(0, () => Begin(attempt, _world.JobOf(attempt)));
    }

    void IHostSink.Cancel(Attempt attempt, string reason) => attempt.Free();

    void IHostSink.Fenced(Attempt attempt) { }

    void IHostSink.Acknowledge(Attempt attempt, int nextSeq) { }

    void IHostSink.Credit(Attempt attempt, int bytes) { }

    TimeSpan? IHostSink.SinceOfferLeft(Attempt attempt) => TimeSpan.Zero;

    void IHostSink.Close(string code, string reason) { }

    private void Begin(Attempt attempt, Job job)
    {
        attempt.Accept();
        job.BeganAt = _world.Now;
        var first = LoadSeconds(attempt.Model) + (UncachedBytes(job) / _power.BytesPerSecond);
        if (_world.Random.NextDouble() < _power.FaultShare)
        {
            _world.After(first, () => Fail(attempt));
            return;
        }

        var rest = job.Tokens / _power.TokensPerSecond;
        var pieces = (int)Math.Ceiling(rest / PieceSeconds);
        var output = _power.Says is { } says
            ? Encoding.UTF8.GetBytes(says(attempt.Request))
            : new byte[job.Tokens * BytesPerToken];
        for (var i = 0; i <= pieces; i++)
        {
            var piece = output.AsMemory((output.Length * i / (pieces + 1))..(output.Length * (i + 1) / (pieces + 1)));
            _world.After(first + (rest * i / pieces), () => Say(attempt, piece));
        }

        _world.After(first + rest, () => Finish(attempt, job));
    }

    private double LoadSeconds(string model)
    {
        if (_power.LoadSeconds == 0 || _loaded == model)
        {
            return 0;
        }

        Loads++;
        _loaded = model;
        _world.After(_power.LoadSeconds + 1, () => _connection.SetModels(Models()));
        return _power.LoadSeconds;
    }

    private ModelInfo[] Models() =>
        [
            .. _models.Select(name => new ModelInfo
            {
                Name = name,
                Digest = name,
                Loaded = _power.LoadSeconds > 0 ? name == _loaded : null,
            }),
        ];

    private int UncachedBytes(Job job)
    {
        var (_, earlier, whole) = job.Prefixes;
        var known =
            _cache.Contains(whole.Hash) ? whole
            : _cache.Contains(earlier.Hash) ? earlier
            : default;
        Hits += known.Hash == 0 ? 0 : 1;
        if (whole.Hash != 0)
        {
            _cache.Remove(whole.Hash);
            _cache.Add(whole.Hash);
            _cache.RemoveRange(0, Math.Max(0, _cache.Count - _power.CachedPrompts));
        }

        return job.RequestBytes - known.Bytes;
    }

    private static void Say(Attempt attempt, ReadOnlyMemory<byte> piece)
    {
        if (piece.Length > 0)
        {
            attempt.Append(attempt.NextSeq, DeltaKind.Content, 0, new ReadOnlySequence<byte>(piece));
            attempt.Flush();
        }
    }

    private void Finish(Attempt attempt, Job job)
    {
        var usage = JsonElement.Parse($$"""{"completion_tokens":{{job.Tokens}}}""");
        if (attempt.Finish(attempt.NextSeq, new Messages.Finish { Usage = usage }) == AppendOutcome.Taken)
        {
            _world.IsDone(job, Id);
        }
    }

    private static void Fail(Attempt attempt) =>
        attempt.Fail(
            attempt.NextSeq,
            new Messages.Fail
            {
                Code = "backend_error",
                Message = "it broke",
                Retryable = true,
            }
        );
}
