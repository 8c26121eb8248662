using System.Globalization;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Voice.Legs;
using Pollard.Voice.Stages;

namespace Pollard.Commands;

/// <summary>A turn of a test call. Times are in seconds.</summary>
/// <param name="Spoke">How long the caller spoke.</param>
internal sealed record TestTurn(double Spoke)
{
    /// <summary>What was heard; null: no word.</summary>
    public string? Heard { get; init; }

    /// <summary>What was answered, sentence by sentence.</summary>
    public IReadOnlyList<string> Answer { get; init; } = [];

    /// <summary>From the caller's last sound to the words; null: there are none.</summary>
    public double? Recognised { get; init; }

    /// <summary>From the caller's last sound to the first sentence of the answer.</summary>
    public double? Answered { get; init; }

    /// <summary>From the caller's last sound to the first of the answer.</summary>
    public double? VoiceToVoice { get; init; }
}

/// <summary>What came of a test call. Times are in seconds from its beginning.</summary>
/// <param name="Call">Its id.</param>
/// <param name="Connected">When each service had it.</param>
/// <param name="Turns">What was said.</param>
/// <param name="Ended">Why it was over.</param>
internal sealed record TestCallResult(
    string Call,
    IReadOnlyDictionary<string, double> Connected,
    IReadOnlyList<TestTurn> Turns,
    string Ended
)
{
    /// <summary>Whether all that was heard was answered.</summary>
    [JsonIgnore]
    public bool IsGood =>
        Turns.Count > 0 && Turns.All(static turn => turn.Heard is not null && turn.VoiceToVoice is not null);
}

/// <summary>Makes a test call, tells what happens in it, and hangs up when all is answered.</summary>
internal sealed class VoiceTestCall(ICallLeg leg, TimeSpan wait, TimeProvider time, Printer print)
{
    private const int MostEvents = 10_000;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1.5); // Behind the last sound, so that its end is noticed.
    private readonly Channel<(long At, CallEvent? Event)> _events = Channel.CreateBounded<(long, CallEvent?)>(
        MostEvents
    );
    private readonly Dictionary<string, double> _connected = new(StringComparer.Ordinal);
    private readonly SortedDictionary<uint, (TestTurn Turn, long Ended)> _turns = [];
    private readonly HashSet<uint> _open = [];
    private readonly long _began = time.GetTimestamp();

    /// <summary>Makes it.</summary>
    /// <param name="edge">The caller's end.</param>
    /// <param name="soundEnded">Ends when the caller has said all.</param>
    /// <param name="ct">Hangs up.</param>
    public async Task<int> RunAsync(EdgeStage edge, Task soundEnded, CancellationToken ct)
    {
        using var hungUp = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var call = edge.ServeAsync(
            leg,
            happened => _events.Writer.TryWrite((time.GetTimestamp(), happened)),
            hungUp.Token
        );
        _ = EndAsync(soundEnded, () => _events.Writer.TryWrite(default));
        _ = EndAsync(call, () => _events.Writer.TryComplete());
        var isSaid = false;
        string? ended = null;
        while (ended is null)
        {
            using var late = CancellationTokenSource.CreateLinkedTokenSource(ct);
            late.CancelAfter(
                !isSaid ? Timeout.InfiniteTimeSpan
                : _open.Count == 0 ? Pause
                : wait
            );
            try
            {
                var (at, happened) = await _events.Reader.ReadAsync(late.Token);
                if (happened is null)
                {
                    isSaid = true;
                }
                else
                {
                    Hear(at, happened);
                }
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                ended = _open.Count == 0 ? "all was answered" : Trouble();
            }
            catch (ChannelClosedException)
            {
                ended = await call;
            }
        }

        await hungUp.CancelAsync();
        await call;
        return Tell(_turns.Count == 0 ? "nobody was heard to speak" : ended);
    }

    private static async Task EndAsync(Task task, Action then)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        then();
    }

    private void Hear(long at, CallEvent happened)
    {
        switch (happened)
        {
            case CallEvent.Connected connected when _connected.TryAdd(connected.Service, SecondsOf(at)):
                Line(
                    at,
                    connected.Service == VoiceRole.Stt ? "recognition has the call" : "the whole chain has the call"
                );
                break;
            case CallEvent.Spoke spoke:
                _turns[spoke.Turn] = (new TestTurn(Round(spoke.Length)), spoke.Ended);
                _open.Add(spoke.Turn);
                Line(at, $"the caller spoke for {spoke.Length.TotalSeconds:0.0} s");
                break;
            case CallEvent.Heard heard when _turns.TryGetValue(heard.Turn, out var turn):
                Set(heard.Turn, turn.Turn with { Heard = heard.Text, Recognised = Since(turn.Ended, at) });
                Line(at, $"heard \"{heard.Text}\"");
                break;
            case CallEvent.Taken taken when _turns.TryGetValue(taken.Turn, out var turn) && turn.Turn.Heard is null:
                _open.Remove(taken.Turn);
                Line(at, "heard no word");
                break;
            case CallEvent.Answering answering:
                Line(at, $"answer \"{answering.Text}\"");
                if (_turns.TryGetValue(answering.Mark.Turn, out var asked))
                {
                    Set(
                        answering.Mark.Turn,
                        asked.Turn with
                        {
                            Answer = [.. asked.Turn.Answer, answering.Text],
                            Answered = asked.Turn.Answered ?? Since(asked.Ended, at),
                        }
                    );
                }

                break;
            case CallEvent.Sounded { Mark.Turn: var number, At: var sounded }
                when _turns.TryGetValue(number, out var turn) && turn.Turn.VoiceToVoice is null:
                var voiceToVoice = Since(turn.Ended, sounded);
                Set(number, turn.Turn with { VoiceToVoice = voiceToVoice });
                Line(sounded, $"the caller hears it, {voiceToVoice * 1_000:0} ms after their last sound");
                break;
            case CallEvent.Answered answered:
                _open.RemoveWhere(turn => turn <= answered.Turn);
                break;
        }
    }

    private void Set(uint number, TestTurn turn) => _turns[number] = (turn, _turns[number].Ended);

    private string Trouble()
    {
        if (!_connected.ContainsKey(VoiceRole.Stt))
        {
            return $"recognition did not take the call within {Durations.Format(wait)}: is pollard voice all, or pollard voice stt, running?";
        }

        return _connected.ContainsKey(VoiceRole.Tts)
            ? $"there was no answer within {Durations.Format(wait)}"
            : $"the chain did not become whole within {Durations.Format(wait)}; pollard voice status says who is missing";
    }

    private int Tell(string ended)
    {
        var result = new TestCallResult(
            leg.Call.ToString(),
            _connected,
            [.. _turns.Values.Select(static one => one.Turn)],
            ended
        );
        if (print.Json)
        {
            print.JsonLine(result, Printer.Own.TestCallResult);
        }
        else
        {
            Line(time.GetTimestamp(), ended);
        }

        return result.IsGood ? ExitCode.Ok : ExitCode.Failed;
    }

    private void Line(long at, string text)
    {
        if (!print.Json)
        {
            print.Line(string.Create(CultureInfo.InvariantCulture, $"{SecondsOf(at), 7:0.00} s  {text}"));
        }
    }

    private double SecondsOf(long at) => Since(_began, at);

    private double Since(long from, long to) => Round(time.GetElapsedTime(from, to));

    private static double Round(TimeSpan length) => Math.Round(length.TotalSeconds, 3);
}
