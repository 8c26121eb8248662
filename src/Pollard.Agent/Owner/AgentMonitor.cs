using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Owner;

/// <summary>Gathers what the owner may want to see. All members may be called from any thread.</summary>
internal sealed class AgentMonitor(AgentOptions options)
{
    private const int ProblemsKept = 10;
    private const int MostReasonCharacters = 1000;
    private readonly Lock _gate = new();
    private readonly List<WatchedOutput> _running = [];
    private readonly LinkedList<AgentProblem> _problems = [];
    private readonly DateTimeOffset _startedAt = options.Time.GetUtcNow();
    private (string Carrier, DateTimeOffset At)? _link;
    private string? _whyIdle;
    private IReadOnlyList<string> _excluded = [];
    private DateTime _day;
    private AgentDay _today = new(0, 0, 0);

    /// <summary>A link stands.</summary>
    public void Linked(string carrier)
    {
        lock (_gate)
        {
            _link = (carrier, options.Time.GetUtcNow());
            (_whyIdle, _excluded) = (null, []); // The gateway says them anew.
        }
    }

    /// <summary>There is no link, and why.</summary>
    public void Unlinked(string reason)
    {
        lock (_gate)
        {
            (_link, _whyIdle) = (null, null);
            Note(reason);
        }
    }

    /// <summary>The gateway says what becomes of the host, and why.</summary>
    public void Hear(Messages.Config config)
    {
        lock (_gate)
        {
            _excluded = config.ExcludedModels ?? _excluded;
            _whyIdle = config.WhyIdle switch
            {
                null => _whyIdle,
                "" => null,
                { Length: > MostReasonCharacters } why => why[..MostReasonCharacters],
                var why => why,
            };
        }
    }

    /// <summary>An attempt begins; its output goes through what is returned.</summary>
    public WatchedOutput Begin(WorkItem work, IWorkOutput output)
    {
        var watched = new WatchedOutput(work.Offer, output, options.Time);
        lock (_gate)
        {
            _running.Add(watched);
        }

        return watched;
    }

    /// <summary>An attempt has ended; null: it was not wanted any more.</summary>
    public void End(WatchedOutput attempt, WorkResult? result)
    {
        lock (_gate)
        {
            TurnDay();
            _running.Remove(attempt);
            var tokens = TokensOf(result?.Finish) ?? attempt.Tokens;
            _today = new AgentDay(
                _today.Finished + (result?.Finish is null ? 0 : 1),
                _today.Failed + (result?.Failure is null ? 0 : 1),
                _today.Tokens + tokens
            );
            if (result?.Failure is { } failure)
            {
                Note($"{attempt.Offer.Task}: {failure.Message}");
            }
        }
    }

    /// <summary>What is to be seen now.</summary>
    public AgentStatus Look(IReadOnlyList<string> models, AgentRest? rest, int slots, bool isStopping)
    {
        lock (_gate)
        {
            TurnDay();
            return new AgentStatus
            {
                Name = options.Name,
                Gateway = (options.Gateway ?? options.Andy ?? options.Server ?? options.Teleport)?.AbsoluteUri.TrimEnd(
                    '/'
                ),
                State =
                    isStopping ? "stopping"
                    : _link is null ? "offline"
                    : rest is not null ? "paused"
                    : _running.Count > 0 ? "working"
                    : "idle",
                Carrier = _link?.Carrier,
                LinkedAt = _link?.At,
                Rest = rest,
                WhyIdle = _running.Count > 0 || rest is not null ? null : _whyIdle,
                StartedAt = _startedAt,
                Slots = slots,
                Models = models,
                ExcludedModels = _excluded,
                Running = [.. _running.Select(attempt => attempt.Look())],
                Today = _today,
                Problems = [.. _problems],
            };
        }
    }

    private void Note(string problem)
    {
        _problems.AddFirst(new AgentProblem(options.Time.GetUtcNow(), problem));
        if (_problems.Count > ProblemsKept)
        {
            _problems.RemoveLast();
        }
    }

    private void TurnDay()
    {
        var day = options.Time.GetLocalNow().Date;
        if (day != _day)
        {
            (_day, _today) = (day, new AgentDay(0, 0, 0));
        }
    }

    private static long? TokensOf(Messages.Finish? finish) =>
        finish?.Usage is { ValueKind: JsonValueKind.Object } usage
        && usage.TryGetProperty("completion_tokens"u8, out var count)
        && count.ValueKind == JsonValueKind.Number
        && count.TryGetInt64(out var tokens)
            ? tokens
            : null;
}

/// <summary>Counts the output of one attempt on its way.</summary>
internal sealed class WatchedOutput(Messages.Offer offer, IWorkOutput output, TimeProvider time) : IWorkOutput
{
    private const int BytesPerToken = 4;
    private readonly DateTimeOffset _beganAt = time.GetUtcNow();
    private long _bytes;
    private long _firstAt;

    /// <summary>What it is an attempt at.</summary>
    public Messages.Offer Offer => offer;

    /// <summary>Tokens so far, by their bytes.</summary>
    public long Tokens => (Volatile.Read(ref _bytes) + BytesPerToken - 1) / BytesPerToken;

    /// <inheritdoc/>
    public ValueTask WriteAsync(
        DeltaKind kind,
        ushort choice,
        ReadOnlyMemory<byte> data,
        CancellationToken cancellationToken
    )
    {
        if (kind is DeltaKind.Content or DeltaKind.Reasoning)
        {
            Interlocked.CompareExchange(ref _firstAt, time.GetTimestamp(), 0);
            Interlocked.Add(ref _bytes, data.Length);
        }

        return output.WriteAsync(kind, choice, data, cancellationToken);
    }

    /// <summary>How far it is.</summary>
    public AgentAttempt Look()
    {
        var (tokens, firstAt) = (Tokens, Volatile.Read(ref _firstAt));
        var seconds = firstAt == 0 ? 0 : time.GetElapsedTime(firstAt).TotalSeconds;
        return new AgentAttempt(
            offer.Task,
            offer.Kind,
            offer.Model,
            _beganAt,
            tokens,
            seconds > 0 ? Math.Round(tokens / seconds, 1) : null
        );
    }
}
