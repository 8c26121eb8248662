using System.Text;
using System.Text.Json;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Commands;

/// <summary>
/// Where a run's output goes. Words on its phase go out when the phase changes, at most once a second while it stays, and again
/// while the program is silent, so that nobody takes a slow tool for a dead host.
/// </summary>
internal sealed class RunOutput(IWorkOutput output, TimeProvider time)
{
    private const int MostMessage = 200;
    private static readonly TimeSpan LeastBetween = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MostSilence = TimeSpan.FromSeconds(3);

    private Messages.Progress _present = new("starting", null, null);
    private long _lastWord;
    private long _lastSign = time.GetTimestamp();

    /// <summary>True when something of the answer has gone out.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Text of the answer.</summary>
    public ValueTask ContentAsync(string text, CancellationToken ct)
    {
        HasBegun |= text.Length > 0;
        return WriteAsync(DeltaKind.Content, text, ct);
    }

    /// <summary>Text on the way to the answer.</summary>
    public ValueTask ReasoningAsync(string text, CancellationToken ct) => WriteAsync(DeltaKind.Reasoning, text, ct);

    /// <summary>How far the run is.</summary>
    /// <param name="phase"><c>session</c>, <c>thinking</c>, <c>text</c>, <c>tool</c> or <c>waiting</c>.</param>
    /// <param name="message">The same for people: a tool's name, the beginning of the text.</param>
    /// <param name="ct">The attempt's.</param>
    public ValueTask PhaseAsync(string phase, string? message, CancellationToken ct)
    {
        var next = new Messages.Progress(phase, null, Beginning(message));
        if (next == _present)
        {
            return ValueTask.CompletedTask;
        }

        var isSame = next.Phase == _present.Phase && (phase == "text" || phase == "thinking");
        _present = next;
        return isSame && _lastWord != 0 && time.GetElapsedTime(_lastWord) < LeastBetween
            ? ValueTask.CompletedTask
            : WordAsync(ct);
    }

    /// <summary>Waits for the program, and says again how far it is while it is silent.</summary>
    public async Task<T> AwaitAsync<T>(Task<T> task, CancellationToken ct)
    {
        await AwaitAsync((Task)task, ct);
        return await task;
    }

    /// <summary>The same for what has no result.</summary>
    public async Task AwaitAsync(Task task, CancellationToken ct)
    {
        while (!task.IsCompleted)
        {
            using var pause = CancellationTokenSource.CreateLinkedTokenSource(ct);
            var wait = MostSilence - time.GetElapsedTime(_lastSign);
            var late = Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, time, pause.Token);
            var isLate = await Task.WhenAny(task, late) == late && !ct.IsCancellationRequested;
            await pause.CancelAsync();
            if (isLate && !task.IsCompleted)
            {
                await WordAsync(ct);
            }
            else if (ct.IsCancellationRequested)
            {
                break;
            }
        }

        await task;
    }

    private ValueTask WordAsync(CancellationToken ct)
    {
        _lastWord = _lastSign = time.GetTimestamp();
        var json = JsonSerializer.SerializeToUtf8Bytes(_present, ProtocolJson.Default.Progress);
        return output.WriteAsync(DeltaKind.Progress, 0, json, ct);
    }

    private ValueTask WriteAsync(DeltaKind kind, string text, CancellationToken ct)
    {
        if (text.Length == 0)
        {
            return ValueTask.CompletedTask;
        }

        _lastSign = time.GetTimestamp();
        return output.WriteAsync(kind, 0, Encoding.UTF8.GetBytes(text), ct);
    }

    private static string? Beginning(string? text)
    {
        if (text is null || text.Length <= MostMessage)
        {
            return text;
        }

        return char.IsHighSurrogate(text[MostMessage - 1]) ? text[..(MostMessage - 1)] : text[..MostMessage];
    }
}
