using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using System.Threading.Channels;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks.Tests.Support;

/// <summary>A host as the engine's tests play it: it notes what it is told and does what the test says.</summary>
internal sealed class TestHost : IHostSink
{
    private readonly Channel<Attempt> _offers = Channel.CreateBounded<Attempt>(10_000);
    private readonly Channel<(Attempt Attempt, string Reason)> _cancels = Channel.CreateBounded<(Attempt, string)>(100);
    private readonly Channel<(Attempt Attempt, int NextSeq)> _acknowledged = Channel.CreateBounded<(Attempt, int)>(
        10_000
    );

    public TestHost(TaskEngine engine, string id, params string[] models)
        : this(engine, id, slots: 1, HostRole.Worker, models) { }

    public TestHost(TaskEngine engine, string id, int slots, HostRole role, params string[] models)
        : this(engine, id, slots, role, answerWithin: null, models) { }

    public TestHost(
        TaskEngine engine,
        string id,
        int slots,
        HostRole role,
        TimeSpan? answerWithin,
        params string[] models
    )
        : this(engine, id, slots, role, answerWithin, [.. models.Select(static name => new ModelInfo { Name = name })])
    { }

    private TestHost(
        TaskEngine engine,
        string id,
        int slots,
        HostRole role,
        TimeSpan? answerWithin,
        IReadOnlyList<ModelInfo> models,
        Func<HostDescription, HostDescription>? with = null
    )
    {
        var description = new HostDescription
        {
            Id = id,
            Name = id,
            Slots = slots,
            Role = role,
            Models = models,
            Silence = TimeSpan.FromSeconds(12),
            AnswerWithin = answerWithin,
        };
        Connection = engine.Hosts.Connect(with?.Invoke(description) ?? description, this);
    }

    /// <summary>A host that goes on with what it has begun of the model <c>m</c>.</summary>
    public static TestHost WithSessions(TaskEngine engine, string id, int slots = 1) =>
        new(
            engine,
            id,
            slots,
            HostRole.Worker,
            answerWithin: null,
            [new ModelInfo { Name = "m", Capabilities = [ModelInfo.Resume] }]
        );

    /// <summary>A host that can go on with answers of the model <c>m</c> in the ways that these capabilities name.</summary>
    public static TestHost That(TaskEngine engine, string id, string? digest = null, params string[] capabilities) =>
        new(
            engine,
            id,
            slots: 1,
            HostRole.Worker,
            answerWithin: null,
            [
                new ModelInfo
                {
                    Name = "m",
                    Digest = digest,
                    Capabilities = capabilities,
                },
            ]
        );

    /// <summary>A host with one slot that describes itself in its own way.</summary>
    public static TestHost With(TaskEngine engine, string id, Func<HostDescription, HostDescription> with) =>
        new(engine, id, slots: 1, HostRole.Worker, answerWithin: null, [new ModelInfo { Name = "m" }], with);

    public DispatchHost Connection { get; }

    public ConcurrentQueue<Attempt> FencedAttempts { get; } = [];

    public ConcurrentQueue<int> Credits { get; } = [];

    /// <summary>When offers left for the host; null: they wait.</summary>
    public long? OfferLeftAt { get; set; } = long.MinValue / 2;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public (string Code, string Reason)? Closed { get; private set; }

    public bool HasOffer => _offers.Reader.Count > 0;

    public TestHost Ready()
    {
        Connection.Ready();
        return this;
    }

    public async Task<Attempt> UntilOfferAsync() =>
        await _offers.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public async Task<Attempt> UntilWorkAsync()
    {
        var attempt = await UntilOfferAsync();
        attempt.Accept();
        return attempt;
    }

    public async Task<(Attempt Attempt, string Reason)> UntilCancelAsync() =>
        await _cancels.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public async Task<int> UntilAcknowledgedAsync() =>
        (await _acknowledged.Reader.ReadAsync(TestContext.Current.CancellationToken)).NextSeq;

    public static AppendOutcome Say(
        Attempt attempt,
        string text,
        DeltaKind kind = DeltaKind.Content,
        ushort choice = 0
    ) => Say(attempt, Encoding.UTF8.GetBytes(text), kind, choice);

    public static AppendOutcome Say(Attempt attempt, byte[] text, DeltaKind kind = DeltaKind.Content, ushort choice = 0)
    {
        var outcome = attempt.Append(attempt.NextSeq, kind, choice, new ReadOnlySequence<byte>(text));
        attempt.Flush();
        return outcome;
    }

    public static AppendOutcome Finish(Attempt attempt, string? usage = null) =>
        attempt.Finish(
            attempt.NextSeq,
            new Messages.Finish
            {
                FinishReasons = ["stop"],
                Usage = usage is null ? null : System.Text.Json.JsonElement.Parse(usage),
            }
        );

    public static AppendOutcome Fail(Attempt attempt, string code = "backend_error", bool retryable = true) =>
        attempt.Fail(
            attempt.NextSeq,
            new Messages.Fail
            {
                Code = code,
                Message = "it broke",
                Retryable = retryable,
            }
        );

    void IHostSink.Offer(Attempt attempt) => Assert.True(_offers.Writer.TryWrite(attempt));

    void IHostSink.Cancel(Attempt attempt, string reason) => Assert.True(_cancels.Writer.TryWrite((attempt, reason)));

    void IHostSink.Fenced(Attempt attempt) => FencedAttempts.Enqueue(attempt);

    void IHostSink.Acknowledge(Attempt attempt, int nextSeq) =>
        Assert.True(_acknowledged.Writer.TryWrite((attempt, nextSeq)));

    void IHostSink.Credit(Attempt attempt, int bytes) => Credits.Enqueue(bytes);

    TimeSpan? IHostSink.SinceOfferLeft(Attempt attempt) => OfferLeftAt is { } at ? Time.GetElapsedTime(at) : null;

    void IHostSink.Close(string code, string reason) => Closed = (code, reason);
}
