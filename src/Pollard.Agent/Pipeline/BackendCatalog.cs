using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Pipeline;

/// <summary>Which backend runs what, as they said when they were last asked.</summary>
internal sealed partial class BackendCatalog(
    IReadOnlyList<IBackend> backends,
    AgentLimits limits,
    TimeProvider time,
    ILogger<BackendCatalog> logger
) : IDisposable
{
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(10);
    private static readonly IReadOnlyList<string> UsualKinds = ["chat", "completion"];
    private readonly SemaphoreSlim _wanted = new(0, 1);
    private readonly HashSet<string> _complained = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<IBackend, string> _silent = []; // With the reason that was logged.
    private Snapshot _now = new([], [], []);

    /// <summary>Raised after the list of models changed.</summary>
    public event Action? Changed;

    /// <summary>What there is, each name once.</summary>
    public IReadOnlyList<ModelInfo> Models => Volatile.Read(ref _now).Models;

    /// <summary>The backend for such work, the first that has the model; null when there is none.</summary>
    /// <param name="kind">The kind of work.</param>
    /// <param name="model">The model.</param>
    /// <param name="isModelKnown">When there is none: whether the model is there, for other kinds of work.</param>
    public IBackend? Find(string kind, string model, out bool isModelKnown)
    {
        var offers = Volatile.Read(ref _now).Offers;
        isModelKnown = false;
        foreach (var offer in offers)
        {
            if (offer.Model is "*" || string.Equals(offer.Model, model, StringComparison.Ordinal))
            {
                isModelKnown = true;
                if (offer.Kinds.Contains(kind, StringComparer.Ordinal))
                {
                    return offer.Backend;
                }
            }
        }

        return null;
    }

    /// <summary>Asks the backends anew soon: somebody wanted a model that is not in the list.</summary>
    public void Doubt()
    {
        try
        {
            _wanted.Release();
        }
        catch (SemaphoreFullException)
        {
            // Somebody wanted it before.
        }
    }

    /// <summary>
    /// Asks the backends every half minute, and when their list is in doubt; sooner after one did not answer, which may only be starting.
    /// </summary>
    public async Task RunAsync(Watchdog watchdog, CancellationToken ct)
    {
        foreach (var backend in backends)
        {
            backend.Learned += Doubt;
        }

        var again = FirstAgain;
        while (true)
        {
            watchdog.Expect("model discovery", RefreshEvery + AnswerWithin);
            var wait = _silent.IsEmpty ? RefreshEvery : again;
            using var pause = CancellationTokenSource.CreateLinkedTokenSource(ct);
            var wanted = _wanted.WaitAsync(pause.Token);
            await Task.WhenAny(wanted, Task.Delay(wait, time, pause.Token));
            await pause.CancelAsync();
            ct.ThrowIfCancellationRequested();
            await RefreshAsync(ct);
            again =
                _silent.IsEmpty ? FirstAgain
                : again < RefreshEvery / 2 ? again * 2
                : RefreshEvery;
        }
    }

    /// <summary>Asks every backend what it has.</summary>
    public async Task RefreshAsync(CancellationToken ct)
    {
        var answers = await Task.WhenAll(backends.Select(backend => DiscoverAsync(backend, ct)));
        var offers = new List<Offer>();
        foreach (var (backend, models) in backends.Zip(answers))
        {
            offers.AddRange(
                models
                    .Where(model => limits.Allows(model.Name) && IsUsable(model))
                    .Select(model => new Offer(model.Name, model.Kinds ?? UsualKinds, backend, limits.Bounded(model)))
            );
        }

        var listed = Merge(offers);
        var print = JsonSerializer.SerializeToUtf8Bytes(
            new Messages.Status { Models = listed },
            ProtocolJson.Default.Status
        );
        var before = Volatile.Read(ref _now);
        Volatile.Write(ref _now, new Snapshot(offers, listed, print));
        if (!print.AsSpan().SequenceEqual(before.Print))
        {
            LogModels(logger, listed.Count);
            Changed?.Invoke();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var backend in backends)
        {
            backend.Learned -= Doubt; // They live on, and may still be finding out.
        }

        _wanted.Dispose();
    }

    /// <summary>One entry a name: what the first backend says of it, for the kinds of all that have it.</summary>
    private static List<ModelInfo> Merge(List<Offer> offers) =>
        [
            .. offers
                .GroupBy(offer => offer.Model, StringComparer.Ordinal)
                .Take(LinkLimits.Models)
                .Select(same =>
                    same.Count() == 1
                        ? same.First().Info
                        : same.First().Info with
                        {
                            Kinds = [.. same.SelectMany(offer => offer.Kinds).Distinct(StringComparer.Ordinal)],
                        }
                ),
        ];

    private bool IsUsable(ModelInfo model)
    {
        if (model.Name is "*" || LinkLimits.IsModelName(model.Name))
        {
            return true;
        }

        if (_complained.Count < LinkLimits.Models && _complained.Add(model.Name))
        {
            LogBadName(logger, model.Name);
        }

        return false;
    }

    private async Task<IReadOnlyList<ModelInfo>> DiscoverAsync(IBackend backend, CancellationToken ct)
    {
        using var late = new CancellationTokenSource(AnswerWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            var models = await backend.DiscoverAsync(either.Token).WaitAsync(either.Token);
            _silent.TryRemove(backend, out _);
            return models;
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            if (!_silent.TryGetValue(backend, out var said) || said != e.Message)
            {
                _silent[backend] = e.Message;
                LogUnreachable(logger, backend.Name, e.Message);
            }

            return [];
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Models of the backends: {Count}")]
    private static partial void LogModels(ILogger logger, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Backend {Backend} does not say what it has: {Reason}")]
    private static partial void LogUnreachable(ILogger logger, string backend, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Model \"{Model}\" cannot be offered: a name has 1 to 100 letters, digits and ._-:/@+"
    )]
    private static partial void LogBadName(ILogger logger, string model);

    private sealed record Offer(string Model, IReadOnlyList<string> Kinds, IBackend Backend, ModelInfo Info);

    private sealed record Snapshot(IReadOnlyList<Offer> Offers, IReadOnlyList<ModelInfo> Models, byte[] Print);
}
