using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Tests;

/// <summary>A host played by the test: it takes attempts one after the other and says what it wants of them.</summary>
internal sealed class FakeHost : IHostSink
{
    private readonly Channel<Attempt> _offers = Channel.CreateBounded<Attempt>(100);
    private readonly Channel<(Attempt Attempt, string Reason)> _cancels = Channel.CreateBounded<(Attempt, string)>(100);
    private DispatchHost _link = null!;

    public static FakeHost Connect(TaskEngine engine, params string[] models) => Connect(engine, TrustTier.Own, models);

    public static FakeHost Connect(TaskEngine engine, TrustTier tier, params string[] models) =>
        Connect(engine, $"host_{string.Join('_', models)}{(tier == TrustTier.Own ? "" : $"_{tier}")}", tier, models);

    public static FakeHost Connect(TaskEngine engine, string id, TrustTier tier, params string[] models) =>
        Connect(
            engine,
            id,
            tier,
            [
                .. models.Select(name => new ModelInfo
                {
                    Name = name,
                    Kinds = ["chat", "completion", "embedding", "echo"],
                    Engine = "fake",
                    Family = "llama",
                    ParameterSize = "8B",
                    Quantization = "Q4_K_M",
                    SizeBytes = 4_000_000,
                    Digest = "abc",
                    Context = 8192,
                    Loaded = true,
                    Capabilities = ["tools"],
                    ModifiedAt = DateTimeOffset.UnixEpoch.AddDays(20_000),
                }),
            ]
        );

    public static FakeHost Connect(TaskEngine engine, ModelInfo model, TrustTier tier = TrustTier.Own) =>
        Connect(engine, $"host_{model.Name}_{tier}", tier, [model]);

    private static FakeHost Connect(TaskEngine engine, string id, TrustTier tier, IReadOnlyList<ModelInfo> models)
    {
        var host = new FakeHost();
        host._link = engine.Hosts.Connect(
            new HostDescription
            {
                Id = id,
                Tier = tier,
                Name = "box",
                Slots = 16,
                Models = models,
                Silence = TimeSpan.FromMinutes(10),
            },
            host
        );
        host._link.Ready();
        return host;
    }

    /// <summary>The next piece of work, taken.</summary>
    public async Task<FakeAttempt> TakeAsync()
    {
        var attempt = await _offers.Reader.ReadAsync(TestGateway.Token);
        attempt.Accept();
        return new FakeAttempt(attempt);
    }

    /// <summary>Answers everything with this text.</summary>
    public Task AnswerAllAsync(string text, CancellationToken ct) => AnswerAllAsync(_ => text, ct);

    /// <summary>Answers everything with what is made of its request, until it is told to stop.</summary>
    public async Task AnswerAllAsync(Func<JsonElement, string> answer, CancellationToken ct)
    {
        await foreach (var attempt in _offers.Reader.ReadAllAsync(ct))
        {
            attempt.Accept();
            var work = new FakeAttempt(attempt);
            if (work.TrySay(answer(work.Request)))
            {
                work.Finish();
            }
            else
            {
                attempt.Free(); // The test's clock went past its lease meanwhile: it was taken back.
            }
        }
    }

    /// <summary>Why the gateway took back the next attempt that it did.</summary>
    public async Task<string> CancelledAsync()
    {
        var (attempt, reason) = await _cancels.Reader.ReadAsync(TestGateway.Token);
        attempt.Free();
        return reason;
    }

    /// <summary>The first of these that is offered work.</summary>
    public static async Task<FakeHost> FirstOfferedAsync(IReadOnlyList<FakeHost> hosts)
    {
        await Task.WhenAny(
            hosts.Select(static host => host._offers.Reader.WaitToReadAsync(TestGateway.Token).AsTask())
        );
        return hosts.Single(static host => host.HasOffer);
    }

    /// <summary>True when there is work that the test has not taken.</summary>
    public bool HasOffer => _offers.Reader.Count > 0;

    public void Leave() => _link.Disconnect();

    void IHostSink.Offer(Attempt attempt) => _offers.Writer.TryWrite(attempt);

    void IHostSink.Cancel(Attempt attempt, string reason) => _cancels.Writer.TryWrite((attempt, reason));

    void IHostSink.Fenced(Attempt attempt) { }

    void IHostSink.Acknowledge(Attempt attempt, int nextSeq) { }

    void IHostSink.Credit(Attempt attempt, int bytes) { }

    TimeSpan? IHostSink.SinceOfferLeft(Attempt attempt) => TimeSpan.MaxValue;

    void IHostSink.Close(string code, string reason) { }
}

/// <summary>One try at a task, as the host sees it.</summary>
internal sealed class FakeAttempt(Attempt attempt)
{
    public string TaskId => attempt.PublicTaskId;

    public string Kind => attempt.Kind;

    public string Model => attempt.Model;

    public bool Stream => attempt.Stream;

    public string? Traceparent => attempt.Traceparent;

    public JsonElement Request => JsonElement.Parse(attempt.Request.Span);

    public FakeAttempt Say(string text, ushort choice = 0) => Send(DeltaKind.Content, text, choice);

    public FakeAttempt Send(DeltaKind kind, string text, ushort choice = 0) =>
        Send(kind, Encoding.UTF8.GetBytes(text), choice);

    public FakeAttempt Send(DeltaKind kind, byte[] data, ushort choice = 0)
    {
        Assert.Equal(AppendOutcome.Taken, Append(kind, data, choice));
        return this;
    }

    /// <summary>False when it was taken back.</summary>
    public bool TrySay(string text)
    {
        var outcome = Append(DeltaKind.Content, Encoding.UTF8.GetBytes(text), choice: 0);
        Assert.True(outcome is AppendOutcome.Taken or AppendOutcome.Fenced, $"{outcome}");
        return outcome == AppendOutcome.Taken;
    }

    private AppendOutcome Append(DeltaKind kind, byte[] data, ushort choice)
    {
        var outcome = attempt.Append(attempt.NextSeq, kind, choice, new ReadOnlySequence<byte>(data));
        attempt.Flush();
        return outcome;
    }

    public void Finish(string reason = "stop", string? extra = null, Messages.BackendTimings? timings = null)
    {
        attempt.Finish(
            attempt.NextSeq,
            new Messages.Finish
            {
                FinishReasons = [reason],
                Usage = JsonElement.Parse("""{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"""),
                Extra = extra is null ? null : JsonElement.Parse(extra),
                Timings = timings,
            }
        );
        attempt.Free();
    }

    public void Fail(
        string code,
        string message = "it went wrong",
        bool retryable = false,
        int? status = null,
        double? retryAfterSeconds = null
    )
    {
        var fail = new Messages.Fail
        {
            Code = code,
            Message = message,
            Retryable = retryable,
            Status = status,
            RetryAfterSeconds = retryAfterSeconds,
        };
        attempt.Fail(attempt.NextSeq, fail);
        attempt.Free();
    }
}
