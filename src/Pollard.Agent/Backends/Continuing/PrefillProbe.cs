using System.Text;
using Microsoft.Extensions.Logging;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Continuing;

/// <summary>
/// Finds out which models of a server go on with a message that was begun for them, by trying: a short answer at temperature 0,
/// then its first half as the beginning, which must bring the second. What a server says of itself is not asked.
/// </summary>
/// <param name="run">Asks the server.</param>
/// <param name="styles">What to try, in this order.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The backend's.</param>
internal sealed partial class PrefillProbe(
    RunWork run,
    IReadOnlyList<PrefillStyle> styles,
    TimeProvider time,
    ILogger logger
)
{
    private const int Tokens = 32;
    private const int LongestText = 64 * 1024; // Some servers know no limit.
    private const int LeastAlike = 12; // Characters after the seam: no other answer begins with them by chance.
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2); // Of whoever wants to know what models there are.
    private static readonly TimeSpan Holds = TimeSpan.FromHours(6); // A server may be another one by then, with the same names.
    private static readonly TimeSpan TriesAgain = TimeSpan.FromMinutes(10);

    /// <summary>Raised when it is known of more models.</summary>
    public event Action? Learned;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Verdict> _verdicts = new(StringComparer.Ordinal);
    private Task _probing = Task.CompletedTask;

    /// <summary>How to ask for such work; null when the model does not do it, or that is not known.</summary>
    public PrefillStyle? StyleOf(ModelInfo? model)
    {
        lock (_gate)
        {
            return model is not null && _verdicts.TryGetValue(KeyOf(model), out var verdict) ? verdict.Style : null;
        }
    }

    /// <summary>
    /// The models with the capability where they have it. Those of which it is not known yet are tried, as far as they are in
    /// memory: a model is not loaded for this. Waits a moment for what comes of it; what takes longer is told the next time.
    /// </summary>
    public async Task<IReadOnlyList<ModelInfo>> MarkAsync(
        IReadOnlyList<ModelInfo> models,
        Func<ModelInfo, bool> isLoaded,
        CancellationToken ct
    )
    {
        Task probing;
        lock (_gate)
        {
            ForgetOthers(models);
            var unknown = models
                .Where(model => model.Name != "*" && IsChat(model) && isLoaded(model) && !IsKnown(model))
                .ToArray();
            if (unknown.Length > 0 && _probing.IsCompleted)
            {
                _probing = ProbeAllAsync(unknown);
            }

            probing = _probing;
        }

        await Task.WhenAny(probing, Task.Delay(Patience, time, ct));
        return [.. models.Select(Mark)];
    }

    private ModelInfo Mark(ModelInfo model)
    {
        List<string> more = [];
        if (model.Digest is not null && IsChat(model))
        {
            more.Add(ModelInfo.Replay); // It shows while it runs whether it says the same again.
        }

        if (StyleOf(model) is not null)
        {
            more.Add(ModelInfo.Prefill);
        }

        return more.Count == 0 ? model : model with { Capabilities = [.. model.Capabilities ?? [], .. more] };
    }

    // One after the other: they share a machine with the work.
    private async Task ProbeAllAsync(ModelInfo[] models)
    {
        await Task.Yield();
        var began = time.GetTimestamp();
        foreach (var model in models)
        {
            Verdict verdict;
            using CancellationTokenSource late = new(Within, time);
            try
            {
                verdict = await ProbeAsync(model, late.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or Http.BackendException)
            {
                verdict = new Verdict(null, time.GetTimestamp(), TriesAgain);
            }

            lock (_gate)
            {
                _verdicts[KeyOf(model)] = verdict;
            }

            LogProbed(logger, model.Name, verdict.Style is null ? "does not go on" : "goes on");
        }

        if (time.GetElapsedTime(began) > Patience)
        {
            Learned?.Invoke(); // Whoever asked has not waited for it.
        }
    }

    private async Task<Verdict> ProbeAsync(ModelInfo model, CancellationToken ct)
    {
        var thinks = model.Capabilities?.Contains("thinking", StringComparer.Ordinal) == true;
        var first = await AskAsync(model, thinks, null, null, ct);
        if (first is not { Length: > 0 })
        {
            return new Verdict(null, time.GetTimestamp(), TriesAgain);
        }

        var seam = first.LastIndexOf(' ', first.Length / 2);
        if (seam <= 0 || first.Length - seam < LeastAlike)
        {
            return new Verdict(null, time.GetTimestamp(), Holds);
        }

        foreach (var style in styles)
        {
            var second = await AskAsync(model, thinks, first[..seam], style, ct);
            if (second is not null && first.AsSpan(seam).CommonPrefixLength(second) >= LeastAlike)
            {
                return new Verdict(style, time.GetTimestamp(), Holds);
            }
        }

        return new Verdict(null, time.GetTimestamp(), Holds);
    }

    // An answer of text alone; null when there was none.
    private async Task<string?> AskAsync(
        ModelInfo model,
        bool thinks,
        string? beginning,
        PrefillStyle? style,
        CancellationToken ct
    )
    {
        var work = new WorkItem(
            new Messages.Offer
            {
                Attempt = "probe",
                Task = "probe",
                Kind = "chat",
                Model = model.Name,
                Stream = true,
                Continue = beginning is null ? null : new() { Mode = ModelInfo.Prefill, Text = beginning },
            },
            Question(thinks)
        );
        TextOutput text = new();
        var result = beginning is null
            ? await run(work, text, ct)
            : await ContinuedWork.RunAsync(work, text, style, run, ct);
        return result.Finish is not null ? text.Whole : null;
    }

    private static byte[] Question(bool thinks)
    {
        var effort = thinks ? ""","reasoning_effort":"none" """ : "";
        return Encoding.UTF8.GetBytes(
            $$"""
            {"messages":[{"role":"user","content":"Count from one to thirty in words, separated by commas. Say nothing else."}],
            "temperature":0,"seed":1,"max_tokens":{{Tokens}}{{effort}}}
            """
        );
    }

    private bool IsKnown(ModelInfo model) =>
        _verdicts.TryGetValue(KeyOf(model), out var verdict) && time.GetElapsedTime(verdict.At) < verdict.For;

    private void ForgetOthers(IReadOnlyList<ModelInfo> models)
    {
        var present = models.Select(KeyOf).ToHashSet(StringComparer.Ordinal);
        foreach (var key in _verdicts.Keys.Where(key => !present.Contains(key)).ToArray())
        {
            _verdicts.Remove(key);
        }
    }

    private static bool IsChat(ModelInfo model) => model.Kinds?.Contains("chat", StringComparer.Ordinal) != false;

    private static string KeyOf(ModelInfo model) => model.Digest ?? model.Name;

    [LoggerMessage(Level = LogLevel.Debug, Message = "Model {Model} {Does} with an answer that was begun for it")]
    private static partial void LogProbed(ILogger logger, string model, string does);

    private readonly record struct Verdict(PrefillStyle? Style, long At, TimeSpan For);

    private sealed class TextOutput : IWorkOutput
    {
        private readonly StringBuilder _text = new();
        private bool _isText = true;

        /// <summary>The text; null when there is something else beside it.</summary>
        public string? Whole => _isText ? _text.ToString() : null;

        public ValueTask WriteAsync(
            DeltaKind kind,
            ushort choice,
            ReadOnlyMemory<byte> data,
            CancellationToken cancellationToken
        )
        {
            _isText &= kind is DeltaKind.Content or DeltaKind.Progress;
            if (kind == DeltaKind.Content && _text.Length < LongestText)
            {
                _text.Append(Encoding.UTF8.GetString(data.Span));
            }

            return ValueTask.CompletedTask;
        }
    }
}
