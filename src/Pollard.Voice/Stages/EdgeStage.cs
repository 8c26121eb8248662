using Microsoft.Extensions.Logging;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>The caller's end of calls: brings what they say to who recognises it, and what is said to them from who speaks it.</summary>
/// <param name="stt">Who recognises; null: what is heard here goes nowhere.</param>
/// <param name="tts">Who speaks; null: nothing is to be heard here.</param>
/// <param name="profile">When an utterance begins and ends.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class EdgeStage(
    ICallTarget? stt,
    ICallTarget? tts,
    EndpointProfile profile,
    TimeProvider time,
    ILogger logger
)
{
    /// <summary>Serves a call until the caller, this side, or another service ends it.</summary>
    /// <param name="leg">The way to the caller.</param>
    /// <param name="tell">Is told what happens; returns at once.</param>
    /// <param name="ct">Ends the call.</param>
    /// <returns>Why it is over.</returns>
    public async Task<string> ServeAsync(ICallLeg leg, Action<CallEvent> tell, CancellationToken ct)
    {
        LogBegan(logger, leg.Call, leg.Caller);
        VoiceMetrics.CallBegan("edge");
        ICallLink? toStt = null;
        ICallLink? fromTts = null;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        try
        {
            toStt = stt?.Open(leg.Call);
            fromTts = tts?.Open(leg.Call);
            var latency = new Latency();
            var inbound = new InboundCall(toStt ?? new NoLink(leg.Call), leg.Rate, profile, Tell, time, logger);
            var outbound = new OutboundCall(fromTts ?? new NoLink(leg.Call), leg.Playout, Tell, time, logger);
            var running = leg.RunAsync(inbound, over.Token);
            Task[] all = [running, inbound.RunAsync(over.Token), outbound.RunAsync(over.Token)];
            await Task.WhenAny(all);
            await over.CancelAsync();
            await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var why = running.IsCompletedSuccessfully ? await running : "the leg broke";
            LogEnded(logger, leg.Call, why);
            foreach (var task in all.Where(static task => task.IsFaulted))
            {
                await task;
            }

            return why;

            void Tell(CallEvent happened)
            {
                latency.Hear(happened, time);
                tell(happened);
            }
        }
        finally
        {
            toStt?.Close();
            fromTts?.Close();
            VoiceMetrics.CallEnded("edge");
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Call {Call} of {Caller}")]
    private static partial void LogBegan(ILogger logger, CallId call, string caller);

    [LoggerMessage(Level = LogLevel.Information, Message = "Call {Call} is over: {Why}")]
    private static partial void LogEnded(ILogger logger, CallId call, string why);

    /// <summary>From the caller's last sound to the first of the answer.</summary>
    private sealed class Latency
    {
        private readonly Lock _gate = new();
        private (uint Turn, long Ended) _spoke;

        public void Hear(CallEvent happened, TimeProvider time)
        {
            lock (_gate)
            {
                switch (happened)
                {
                    case CallEvent.Spoke spoke:
                        _spoke = (spoke.Turn, spoke.Ended);
                        break;
                    case CallEvent.Sounded sounded when _spoke.Turn == sounded.Mark.Turn && _spoke.Turn > 0:
                        VoiceMetrics.VoiceToVoice(time.GetElapsedTime(_spoke.Ended, sounded.At));
                        _spoke = default;
                        break;
                }
            }
        }
    }
}
